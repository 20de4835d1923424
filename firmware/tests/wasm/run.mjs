// Run test files on MicroPython's WebAssembly port, whose words have 32 bits as a board's have:
//     node run.mjs MICROPYTHON.mjs FIRMWARE tests/both/test_wire.py ...
// Each file gets an interpreter of its own, which runs pure.py. Prints a JSON line for each: [file, [lines it printed]].
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [module, firmware, ...files] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(module).href);
const pure = fs.readFileSync(new URL("pure.py", import.meta.url), "utf8");
const FOLDERS = ["cobenefit_node", "cobenefit_wire", "tests"];

function copy(mp, from, to) {
  mp.FS.mkdir(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), `${to}/${entry.name}`];
    if (entry.isDirectory()) copy(mp, source, target);
    else if (/\.(py|json|md)$/.test(entry.name)) mp.FS.writeFile(target, fs.readFileSync(source));
  }
}

for (const file of files) {
  const lines = [];
  const mp = await loadMicroPython({
    heapsize: 4 * 1024 * 1024, stdout: (line) => lines.push(line), linebuffer: true,
  });
  mp.FS.mkdir("/firmware");
  for (const folder of FOLDERS) copy(mp, path.join(firmware, folder), `/firmware/${folder}`);
  mp.FS.mkdir("/docs");
  copy(mp, path.join(firmware, "../docs/howto"), "/docs/howto");  // a how-to's code is tested
  try {
    mp.globals.set("PATH", `/firmware/${file}`);
    mp.runPython(pure);
  } catch (error) {
    lines.push(String(error));
  }
  console.log(JSON.stringify([file, lines]));
}
