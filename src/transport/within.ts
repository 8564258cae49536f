/** What comes first of `things`, or "late" where none comes within `ms`; leaves no timer behind. */
export async function within<Things extends readonly Promise<unknown>[]>(
  ms: number,
  ...things: Things
): Promise<Awaited<Things[number]> | "late"> {
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), ms);
  try {
    return await Promise.race([...things, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
