import { PLACES, type PlaceName } from "../status/status.ts";

/** As status and the page call them. */
export const PLACE_NAMES: Readonly<Record<PlaceName, string>> = {
  workstation: "Snapshot",
  artifact: "Artifact",
  manifest: "Manifest",
  server: "Hydrated",
  cloud: "Cloud",
};

/** Places as columns, in the order in which a backup comes to them. */
export const placesShown = (hasCloud: boolean): readonly PlaceName[] =>
  PLACES.filter((place) => hasCloud || place !== "cloud");
