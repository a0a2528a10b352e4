// Watches the directory of its argument with chokidar; one line on stdout says after how many milliseconds it was
// ready. Then it waits to be killed.

import { watch } from 'chokidar'

const began = performance.now()
watch(process.argv[2] ?? '', { ignoreInitial: true }).on('ready', () => console.log(performance.now() - began))
