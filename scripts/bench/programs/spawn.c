/* A floor of figure 1: posix_spawn of /bin/true with two pipes, read to their ends, and waitpid. Each line
   on stdin asks for so many; the answer is one line of JSON with the milliseconds of each. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static double one(void) {
  double began = now_ms();
  int out[2], err[2], status;
  char byte[64];
  pid_t pid;
  char *argv[] = {"/bin/true", NULL};
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) exit(1);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environ) != 0) exit(1);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  while (read(out[0], byte, sizeof byte) > 0) {}
  while (read(err[0], byte, sizeof byte) > 0) {}
  close(out[0]);
  close(err[0]);
  waitpid(pid, &status, 0);
  return now_ms() - began;
}

int main(void) {
  int count;
  puts("ready");
  fflush(stdout);
  while (scanf("%d", &count) == 1) {
    putchar('[');
    for (int i = 0; i < count; i++) printf("%s%.4f", i ? "," : "", one());
    puts("]");
    fflush(stdout);
  }
  return 0;
}
