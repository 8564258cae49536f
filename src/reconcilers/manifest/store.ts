import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { parseArtifactFile } from "../../domain/artifact.ts";
import { absent, type Fact, known, unknown } from "../../domain/fact.ts";
import { compareLabels } from "../../domain/label.ts";
import {
  type Manifest,
  type ManifestReading,
  type ManifestRow,
  parseManifest,
  parseRow,
} from "../../domain/manifest.ts";
import { type AbsolutePath, fileName, joinPath, parseSha256, type Sha256 } from "../../domain/names.ts";
import { parseOlderManifest } from "../../domain/older-manifest.ts";
import { sh } from "../../transport/quote.ts";
import {
  FIRST_SUFFIX,
  SIGNATURE_STATE,
  type SignatureState,
  signatureFile,
  signatureFunctions,
} from "../keys/signature.ts";
import type { Probe } from "../probe.ts";

/** The artifact files on the server, and what is on its way to becoming one. */
export interface StoreFacts {
  /** Size in bytes by path relative to the repository, of everything below `artifacts/`. */
  readonly files: ReadonlyMap<string, number>;
  /** Complete and proven artifacts, as the rows that they will have in the manifest, or have just been given. */
  readonly made: Manifest;
  /** Uploads that were begun, by the artifact's path: the contents of each state file. */
  readonly begunUploads: ReadonlyMap<string, string>;
  /** What of artifacts has come from the bucket so far: bytes by the artifact's file name. */
  readonly fetched: ReadonlyMap<string, number>;
  /** Artifacts that were found damaged and have not been touched since: what was found instead of their hash, by path. */
  readonly damaged: ReadonlyMap<string, string>;
  /** There is a manifest under the name that older tools gave it before the one of now. */
  readonly older?: true;
  /** The key that signs is younger than what lies in `manifests/`, and has signed nothing since. */
  readonly keyIsYounger?: true;
  /** There is a signature of a manifest, whatever has become of that. */
  readonly signature?: true;
}

export interface ManifestFacts {
  readonly reading: ManifestReading;
  /** Of the file as it stands: a write builds on it, or is refused. */
  readonly sha256: Sha256;
  /** Where it is `ahead`, the rest is of the newer manifest: it is the one that the server signed. */
  readonly signature: SignatureState;
  /** Of the signature's file: another key makes another of the same manifest. Null where there is none. */
  readonly signatureSha256: Sha256 | null;
  /** It can't be read as one of this version, and can as one of an older tool. */
  readonly older?: true;
}

export const manifestFile = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "manifests/snapshots_v2.tsv");
/** Where older tools had it first. */
export const olderManifestFile = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "manifests/snapshots.tsv");
export const stateEnvFile = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "manifests/state.env");
export const tmpFile = ({ repository }: DatasetSpec, name: string): AbsolutePath =>
  joinPath(repository, "tmp", name);

/** For what lies under the name of an artifact and is not it. */
export const asideFolder = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "tmp/set-aside");

/** Beside an artifact on its way: its row, written before the artifact gets its name and removed once registered. */
export const ROW_SUFFIX = ".row";
/** Beside an artifact on its way to the bucket: which parts are there. */
export const UPLOAD_SUFFIX = ".upload";
/** Beside nothing else: what has come of an artifact from the bucket. */
export const FETCHED_SUFFIX = ".fetched";
/** Beside nothing else: an artifact of this name was read, and its hash was not the manifest's. */
export const DAMAGED_SUFFIX = ".damaged";
/**
 * What tells, in find(1)'s `-printf`, that a file is still the one that was read: its size, and when its contents
 * and its inode were last changed. The last can't be set, so even a copy that keeps its time is another file.
 */
export const AS_READ = "%s %T@ %C@";

export const manifestProbe = (spec: DatasetSpec): Probe<ManifestFacts> => ({
  host: spec.server,
  script: `${signatureFunctions(spec)}${sh`
m=${manifestFile(spec)}
`}${SIGNATURE_STATE}${sh`[ -e "$m" ] || { echo absent; exit 0; }
why=$(cat -- "$m" 2>&1 >/dev/null) || s=unreadable
# of as much as can be read
sum=$(cat -- "$m" 2>/dev/null | sha256sum)
of_signature=$([ ! -e "$sig" ] || sha256sum <"$sig" | cut -c1-64)
echo "$s $sum $of_signature" && if [ $s = unreadable ]; then echo "$why"; else cat -- "$m"; fi`}`,
  parse: (stdout) => {
    if (stdout === "absent\n") return absent;
    const [first = ""] = stdout.split("\n", 1);
    const [, state, sha256, ofSignature = ""] = /^(\w+) ([0-9a-f]{64}) +- ([0-9a-f]*)$/.exec(first) ?? [];
    if (state === undefined || sha256 === undefined)
      return unknown(`no state and hash of it were told, but ${JSON.stringify(first)}`);
    const rest = stdout.slice(first.length + 1);
    const unreadable = state === "unreadable";
    const reading: ManifestReading = unreadable
      ? { kind: "damaged", line: 1, why: `it can't be read to its end: ${rest.trim()}` }
      : parseManifest(rest, spec.name);
    const older = !unreadable && reading.kind === "damaged" && parseOlderManifest(rest, spec.name) !== null;
    return known({
      sha256: sha256 as Sha256,
      reading,
      ...(older && { older }),
      signature: unreadable ? "wrong" : (state as SignatureState),
      signatureSha256: parseSha256(ofSignature) ?? null,
    });
  },
});

/** Whether there is none, or none that can be read: the bucket's may take its place. Never on an unknown. */
export const isManifestLost = (manifest: Fact<ManifestFacts>): boolean =>
  manifest.kind === "absent" || (manifest.kind === "known" && manifest.value.reading.kind === "damaged");

/** What is registered; none where there is no manifest, or none that can be read. */
export const registered = (manifest: Fact<ManifestFacts>): Manifest =>
  manifest.kind === "known" && manifest.value.reading.kind === "valid" ? manifest.value.reading.rows : [];

export const stateEnvProbe = (spec: DatasetSpec): Probe<string> => ({
  host: spec.server,
  script: sh`if [ -e ${stateEnvFile(spec)} ]; then cat -- ${stateEnvFile(spec)}; fi`,
  parse: (stdout) => (stdout === "" ? absent : known(stdout)),
});

export const storeProbe = (spec: DatasetSpec): Probe<StoreFacts> => ({
  host: spec.server,
  script: sh`
[ -e ${spec.repository} ] || { echo absent; exit 0; }
cd ${spec.repository} || exit 1
# no artifact has such a name, and a line end in one could pass for another file's line
if [ -d artifacts ]; then find artifacts -type f ! -path '*[[:cntrl:]]*' -printf 'file %s %p\n' || exit 1; fi
[ ! -s manifests/snapshots.tsv ] || echo 'older manifest'
if [ -e ${signatureFile(spec)} ]; then echo 'signature there'; elif [ -e ${`${signatureFile(spec)}${FIRST_SUFFIX}`} ]; then echo 'key younger'; fi
[ -d tmp ] || exit 0
for f in tmp/*${ROW_SUFFIX}; do [ -e "$f" ] && printf 'row %s\n' "$(head -n 1 -- "$f")"; done
for f in tmp/*${UPLOAD_SUFFIX}; do [ -e "$f" ] && { printf 'upload %s\n' "$f"; sed 's/^/| /' -- "$f"; }; done
for f in tmp/*${FETCHED_SUFFIX}; do [ -e "$f" ] && printf 'fetched %s %s\n' "$(stat -c %s -- "$f")" "$(basename -- "$f" ${FETCHED_SUFFIX})"; done
for f in tmp/*${DAMAGED_SUFFIX}; do
  for a in artifacts/*/"$(basename -- "$f" ${DAMAGED_SUFFIX})"; do
    [ -f "$f" ] && [ -f "$a" ] && read -r found seen <"$f" || continue
    [ "$(find "$a" -maxdepth 0 -printf ${AS_READ})" != "$seen" ] || printf 'damaged %s %s\n' "$found" "$a"
  done
done
:`,
  parse: (stdout) => {
    if (stdout === "absent\n") return absent;
    const files = new Map<string, number>();
    const rows: ManifestRow[] = [];
    const uploads = new Map<string, string>();
    const fetched = new Map<string, number>();
    const damaged = new Map<string, string>();
    let upload = "";
    const words = new Set<string>();
    for (const line of stdout.split("\n")) {
      const [, word = "", rest = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
      if (word === "file") files.set(rest.slice(rest.indexOf(" ") + 1), Number.parseInt(rest, 10));
      words.add(word);
      if (word === "row") {
        const row = parseRow(rest, spec.name);
        if (typeof row !== "string") rows.push(row);
      }
      if (word === "fetched") fetched.set(rest.slice(rest.indexOf(" ") + 1), Number.parseInt(rest, 10));
      if (word === "damaged")
        damaged.set(rest.slice(rest.indexOf(" ") + 1), rest.slice(0, rest.indexOf(" ")));
      if (word === "upload") {
        upload = rest.slice("tmp/".length, -UPLOAD_SUFFIX.length);
        uploads.set(upload, "");
      }
      if (word === "|") uploads.set(upload, `${uploads.get(upload)}${rest}\n`);
    }
    const made = rows.filter((row) => files.get(row.localPath) === row.sizeBytes);
    return known({
      ...{ files, made, begunUploads: uploads, fetched, damaged },
      ...(words.has("older") && { older: true as const }),
      ...(words.has("key") && { keyIsYounger: true as const }),
      ...(words.has("signature") && { signature: true as const }),
    });
  },
});

/**
 * Whether the file of `row` is there, by name and size, and was not found damaged; its hash is compared when it is
 * read. A mark that says the row's own hash condemns nothing: it was compared with another row's, or with none.
 */
export const holds = (store: Fact<StoreFacts>, row: ManifestRow): boolean =>
  store.kind === "known" &&
  store.value.files.get(row.localPath) === row.sizeBytes &&
  (store.value.damaged.get(row.localPath) ?? row.sha256) === row.sha256;

/**
 * The rows in waiting that can follow `rows`, by growing label. One whose parent has no row (the manifest was put
 * back from an older copy, say) would make the manifest one that cannot be read.
 */
export function waitingRows(store: StoreFacts, rows: Manifest): ManifestRow[] {
  const newest = rows.at(-1)?.label;
  const labels = new Set(rows.map(({ label }) => label));
  return store.made
    .toSorted((a, b) => compareLabels(a.label, b.label))
    .filter(({ label, parent }) => {
      if (newest !== undefined && compareLabels(label, newest) <= 0) return false;
      if (labels.has(label) || (parent !== null && !labels.has(parent))) return false;
      labels.add(label);
      return true;
    });
}

/** Files below `artifacts/` that neither the manifest nor a row in waiting speaks of. */
export const strangers = (store: StoreFacts, rows: Manifest): string[] => {
  const expected = new Set([...rows, ...waitingRows(store, rows)].map((row) => row.localPath));
  return [...store.files.keys()].filter((path) => !expected.has(path)).sort();
};

/** Whether a stranger could be an artifact of this dataset by its name. */
export const looksLikeArtifact = (spec: DatasetSpec, path: string): boolean =>
  parseArtifactFile(spec.name, fileName(path)) !== undefined;
