import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the sources and asks a running satellite: SATELLITE=http://localhost:8000 npm run dev
const satellite = process.env["SATELLITE"] ?? "http://localhost:8000";

export default defineConfig({
  base: "./", // the satellite says where it is: a proxy may have put it below a path
  plugins: [svelte()],
  build: {
    outDir: "../satellite/ui",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": satellite, "/diagnostics": satellite, "/ca.pem": satellite } },
  test: { include: ["test/**/*.test.ts"] },
});
