import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { SCRIPTS } from "../../src/cli/completion/scripts.ts";
// @ts-expect-error: plain JavaScript, since `npm pack` runs it with whatever Node there is
import { handedOut } from "../handed-out.mjs";
import {
  type Arch,
  AUTHOR,
  copyInto,
  DEBIAN_ARCHITECTURES,
  isDocument,
  ROOT,
  sourceDate,
  VERSION,
} from "./sources.ts";

const DOC = "usr/share/doc/devbackup";

/** Where each shell looks for them (Debian's bash-completion, zsh and fish). */
const COMPLETIONS = [
  ["bash", "bash-completion/completions/devbackup"],
  ["zsh", "zsh/vendor-completions/_devbackup"],
  ["fish", "fish/vendor_completions.d/devbackup.fish"],
] as const;

/** What lintian is right about, and this package leaves as it is. */
const OVERRIDES = `# Node as its makers build it, with the program put in: stripping it would cut the program off
devbackup: embedded-library *
devbackup: hardening-no-pie *
devbackup: unstripped-binary-or-object *
# the texts go out as each package has them, the same with every form of devbackup
devbackup: copyright-file-contains-full-apache-2-license
devbackup: copyright-not-using-common-license-for-apache2
devbackup: copyright-not-using-common-license-for-gpl
devbackup: old-fsf-address-in-copyright-file
`;

export interface DebianParts {
  readonly executable: string;
  readonly arch: Arch;
  /** The texts of all that is in the executable. */
  readonly licences: string;
  /** devbackup(1). */
  readonly manPage: string;
  readonly to: string;
  readonly work: string;
  /** dpkg-deb's; the default is what a release has. */
  readonly compression?: readonly string[];
}

/** A package for dpkg: the executable, and what a system has of a command; nothing that runs when it is installed or removed. */
export function makeDebianPackage({
  executable,
  arch,
  licences,
  manPage,
  to,
  work,
  compression = ["-Zxz", "-z3"],
}: DebianParts): void {
  const put = (path: string, contents: string | Buffer): void => {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), contents);
  };
  mkdirSync(join(work, "usr/bin"), { recursive: true });
  copyFileSync(executable, join(work, "usr/bin/devbackup"));
  copyInto(join(work, DOC), handedOut().filter(isDocument));
  put(`${DOC}/changelog.gz`, gzipSync(changelog(), { level: 9 }));
  put(`${DOC}/copyright`, copyright(licences));
  put("usr/share/man/man1/devbackup.1.gz", gzipSync(manPage, { level: 9 }));
  for (const [shell, path] of COMPLETIONS) put(`usr/share/${path}`, SCRIPTS[shell]);
  put("usr/share/lintian/overrides/devbackup", OVERRIDES);
  const files = filesIn(work);
  const kibibytes = files.reduce((sum, path) => sum + Math.ceil(statSync(path).size / 1024), 0);
  put("DEBIAN/control", control(arch, kibibytes));
  put("DEBIAN/md5sums", files.map((path) => `${md5(path)}  ${relative(work, path)}\n`).join(""));
  settle(work);
  execFileSync("dpkg-deb", ["--root-owner-group", ...compression, "--build", work, to], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceDate()) },
    stdio: "pipe",
  });
}

/** A version before its release is older than it; npm's hyphen would be a revision. */
const debianVersion = VERSION.replace("-", "~");

const control = (arch: Arch, kibibytes: number): string => `Package: devbackup
Version: ${debianVersion}
Section: admin
Priority: optional
Architecture: ${DEBIAN_ARCHITECTURES[arch]}
Maintainer: ${MAINTAINER}
Installed-Size: ${kibibytes}
Depends: libc6 (>= 2.28), libgcc-s1 (>= 3.4), libstdc++6 (>= 9), openssh-client
Recommends: age, btrfs-progs, curl, openssl, zstd
Suggests: sudo
Description: declarative backups of a Btrfs workstation
 devbackup compares what a YAML file declares with what is there, on a
 workstation, on a server at home and in an S3-compatible bucket, shows what it
 would do and why, and does it: read-only snapshots, sent whole or as increments
 (btrfs send, zstd, age), restored on the server at once as a proof, and kept
 encrypted in the bucket. It brings both machines back from there.
 .
 It needs nothing of its own on the machines that it backs up, and brings its
 own Node.js.
`;

/** A package wants an address (Debian policy, 5.6.2); where nobody has given one, it is one that nobody can have (RFC 2606). */
const MAINTAINER = AUTHOR.includes("<") ? AUTHOR : `${AUTHOR} <nobody@devbackup.invalid>`;

const changelog = (): string => `devbackup (${debianVersion}) unstable; urgency=medium

  * See CHANGELOG.md for what has changed.

 -- ${MAINTAINER}  ${new Date(sourceDate() * 1000).toUTCString().replace("GMT", "+0000")}
`;

const copyright = (licences: string): string => `devbackup

${readFileSync(join(ROOT, "LICENSE"), "utf8").trim()}

${"-".repeat(80)}

The executable is Node.js with devbackup inside, and these packages:

${licences}`;

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

const md5 = (path: string): string => createHash("md5").update(readFileSync(path)).digest("hex");

/** Whatever this machine's umask is, and whenever its files were written. */
function settle(work: string): void {
  const executable = join(work, "usr/bin/devbackup");
  for (const entry of readdirSync(work, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    chmodSync(path, entry.isDirectory() || path === executable ? 0o755 : 0o644);
    utimesSync(path, sourceDate(), sourceDate());
  }
  chmodSync(work, 0o755);
}
