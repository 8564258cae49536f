import published from "../../desired-state/schema.json" with { type: "json" };

/** The published schema: what editors read, and what the loader holds a desired state against. */
export { published };

/** From the top: keys, and the indexes of lists as text. */
export type Path = readonly string[];

/** What the schema says of one key, as far as messages and prompts need it. */
export interface SchemaNode {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly default?: unknown;
  readonly pattern?: string;
  /** What the pattern stands for, in words; editors show it too. */
  readonly patternErrorMessage?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly propertyNames?: SchemaNode;
  readonly items?: SchemaNode;
}

const root: SchemaNode = published as SchemaNode;
const definitions: Readonly<Record<string, SchemaNode>> = published.$defs as Record<string, SchemaNode>;

/** What the schema says at `path`, with references followed; undefined where no such key is known. */
export function schemaAt(path: Path): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const step of path) node = childOf(node, step);
  return node;
}

/** The places, written `datasets.NAME.retention`, where `key` is known. */
export function placesOf(key: string, node: SchemaNode = root, place = ""): readonly string[] {
  const here = node.properties && Object.hasOwn(node.properties, key) ? [place || "the top"] : [];
  const named = typeof node.additionalProperties === "object" ? { NAME: node.additionalProperties } : {};
  const below = Object.entries({ ...node.properties, ...named }).flatMap(([name, child]) =>
    placesOf(key, resolved(child), place === "" ? name : `${place}.${name}`),
  );
  return [...here, ...below];
}

/** Whether `text` is what the definition of this name allows; if not, what would be right. */
export function wrongFor(
  definition: keyof typeof published.$defs,
  text: string,
): { readonly right: string } | undefined {
  const { pattern = "", patternErrorMessage = "" } = definitions[definition] ?? {};
  return new RegExp(pattern, "u").test(text) ? undefined : { right: patternErrorMessage };
}

function childOf(node: SchemaNode | undefined, step: string): SchemaNode | undefined {
  if (node?.properties && Object.hasOwn(node.properties, step)) return resolved(node.properties[step]);
  if (typeof node?.additionalProperties === "object") return resolved(node.additionalProperties);
  return node?.items && resolved(node.items);
}

/** A key's own words (description, examples) go before those of the definition that it refers to. */
function resolved(node: SchemaNode = {}): SchemaNode {
  const target = node.$ref && definitions[node.$ref.replace("#/$defs/", "")];
  return target ? { ...target, ...node } : node;
}
