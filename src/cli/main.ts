declare const DEVBACKUP_VERSION: string;

console.log(`devbackup ${DEVBACKUP_VERSION}`);
