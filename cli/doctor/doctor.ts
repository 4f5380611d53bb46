export async function doctor(_options: object): Promise<number> {
  return 0
}
