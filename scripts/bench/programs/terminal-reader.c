/* A floor of figure 6: runs the command of its arguments on a pseudo-terminal and reads that until EIO. Prints
   how many bytes came. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  static char buffer[64 * 1024];
  long long bytes = 0;
  ssize_t got;
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (argc < 2 || master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return 1;
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  if (slave < 0) return 1;
  pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++) dup2(slave, fd);
    close(slave);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  close(slave);
  while ((got = read(master, buffer, sizeof buffer)) > 0) bytes += got;
  waitpid(child, NULL, 0);
  printf("%lld\n", bytes);
  return 0;
}
