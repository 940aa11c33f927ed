export default defineEventHandler(async () => {
  await new Promise((resolve) => setTimeout(resolve, 100));
  return 'done';
});
