import { renderSVG } from "uqr";
import { html, raw } from "../domain/html.ts";
import { quote } from "../transport/quote.ts";
import type { NewIdentity } from "./new-identity.ts";

export interface PageFacts extends NewIdentity {
  readonly madeAt: Date;
  /** Of the identity's file, without folder: what the commands on the page say. */
  readonly fileName: string;
}

/** The page for the safe: one sheet of A4, black on white, without script, network or passphrase. */
export function recoveryPage({ recipient, locked, madeAt, fileName }: PageFacts): string {
  const made = madeAt.toISOString().slice(0, 10);
  const file = quote(fileName);
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>devbackup recovery identity, ${made}</title>
${raw(`<style>${STYLE}</style>`)}
<h1>Recovery identity <span>devbackup, made ${made}</span></h1>
<p>When the server is lost, this opens the backups in the cloud: with it and its passphrase the escrow is
opened, and the escrow holds the server’s keys. Without it nobody can open them. Keep it where a fire at home
does not reach it.</p>
<figure>
${raw(renderSVG(locked, { ecc: "M", border: 4 }))}
<dl>
<dt>Recipient<dd><code>${recipient}</code>
<dt>Passphrase<dd><b>Not on this page.</b> It is kept at<u></u>
<dt>The bucket’s login is kept at<dd><u></u>
<dt>The desired state is kept at<dd><u></u>
<dt>Notes<dd><u></u>
</dl>
</figure>
<pre>${locked.trimEnd()}</pre>
<h2>On the bad day</h2>
<ol>
<li>Scan the code with a phone, or type the block line by line. Save the text, with its first and its last line, as
<code>${fileName}</code>
<li>Does the passphrase open it? This shows a line <code>AGE-SECRET-KEY-1…</code>, for nobody else to see:
<kbd>age -d ${file}</kbd>
<li>On a machine with devbackup, the desired state and the bucket’s login:
<kbd>devbackup apply --restore latest --identity ${file}</kbd>
<li>Without devbackup, fetch <code>NAME/keys/escrow.age</code> from the bucket. This shows the server’s keys:
<kbd>age -d -i ${file} escrow.age</kbd>
The lines under <code>file ls_NAME_backup.key</code>, without the <code>|</code> and the space before each, are a
file of that name. It opens the manifest and every artifact:
<kbd>age -d -i ls_NAME_backup.key ARTIFACT | zstd -d | btrfs receive FOLDER</kbd>
</ol>
<footer>The block is an age file (age-encryption.org/v1), protected by a passphrase. The code holds the same text.
</footer>
</html>
`.markup;
}

const STYLE = `
@page { size: A4; margin: 12mm 16mm }
* { box-sizing: border-box; margin: 0 }
body { max-width: 178mm; margin: 0 auto; background: #fff; color: #000;
  font: 10pt/1.35 "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif }
h1 { font-size: 20pt; line-height: 1.2; border-bottom: 0.6mm solid; padding-bottom: 2mm; margin-bottom: 3mm }
h1 span { font-size: 10pt; font-weight: normal; float: right; padding-top: 3mm }
h2 { font-size: 13pt; margin: 5mm 0 1.5mm }
code, pre, kbd { font-family: "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace }
code, kbd { font-size: 9pt }
kbd { display: block; margin: 0.5mm 0 }
figure { display: flex; gap: 6mm; margin: 4mm 0; break-inside: avoid }
figure svg { flex: none; shape-rendering: crispEdges; width: 88mm; height: 88mm; margin: -3mm 0 -3mm -3.5mm }
dl { flex: 1; min-width: 0; display: flex; flex-direction: column; justify-content: space-between }
dt { font-weight: bold }
dd code { overflow-wrap: anywhere }
u { display: block; height: 7.5mm; border-bottom: 0.3mm dotted #000; text-decoration: none }
pre { font-size: 11.5pt; line-height: 1.3; border: 0.3mm solid; padding: 2.5mm 3mm; break-inside: avoid }
ol { padding-left: 6mm }
li { margin-bottom: 1.5mm }
footer { font-size: 8.5pt; margin-top: 3mm }
`;
