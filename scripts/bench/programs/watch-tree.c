/* A floor of figure 7 where inotifywait is missing: walks the directory of its argument and adds an inotify
   watch to each directory in it. Says on stderr what inotifywait says then, and waits to be killed. */
#define _GNU_SOURCE
#include <ftw.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

static int queue;

static int visit(const char *path, const struct stat *stat, int kind, struct FTW *place) {
  (void)stat;
  (void)place;
  return kind == FTW_D && inotify_add_watch(queue, path, IN_ALL_EVENTS) < 0;
}

int main(int argc, char **argv) {
  queue = inotify_init1(IN_CLOEXEC);
  if (argc < 2 || queue < 0 || nftw(argv[1], visit, 64, FTW_PHYS) != 0) return 1;
  fputs("Watches established.\n", stderr);
  pause();
  return 0;
}
