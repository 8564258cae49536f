/** Why a message did not arrive. Its words are ours alone: never a URL, never what a library says of one. */
export class Undelivered extends Error {
  constructor(why: string) {
    super(why);
    this.name = "Undelivered";
  }
}
