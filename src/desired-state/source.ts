import type { Document, YAMLMap } from "yaml";
import type { Range } from "./hide-secrets.ts";

/** A file that problems are shown in. */
export interface SourceText {
  /** As people should see it. */
  readonly file: string;
  readonly text: string;
  /** Never shown in an excerpt. */
  readonly hidden: readonly Range[];
  /** Never repeated in a message. */
  readonly secrets: readonly string[];
}

/** One file of the desired state: its text, and what it says where it is YAML. */
export interface Source extends SourceText {
  readonly document: Document;
  /** The mapping at the top; undefined where the file is broken, empty or something else. */
  readonly top: YAMLMap | undefined;
}
