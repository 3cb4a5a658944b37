/* `ring FOLDER`: round by round every rank sends 32 KiB of numbers to the next one and gets those of the one before, and all add
 * up what they got; until the file FOLDER/stop is there. FOLDER/rank.N says how many rounds, and the sum; FOLDER/done.N the same at
 * the end. A number that is lost, doubled or altered ends all ranks with FOLDER/error. */
#include <mpi.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define COUNT 4096

static void say(const char *folder, const char *what, int rank, long round, long sum) {
  char draft[4096], path[4096];
  snprintf(draft, sizeof draft, "%s/.%s.%d", folder, what, rank);
  snprintf(path, sizeof path, "%s/%s.%d", folder, what, rank);
  FILE *file = fopen(draft, "w");
  fprintf(file, "%ld %ld\n", round, sum);
  fclose(file);
  rename(draft, path);
}

int main(int argc, char **argv) {
  static long out[COUNT], in[COUNT];
  int rank, size;
  char stop[4096];
  long round = 0, sum = 0;
  const struct timespec pause = {0, 2000000};
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const int before = (rank + size - 1) % size;
  snprintf(stop, sizeof stop, "%s/stop", argv[1]);
  for (;;) {
    round++;
    for (int i = 0; i < COUNT; i++) out[i] = round * 1000 + rank + i;
    MPI_Sendrecv(out, COUNT, MPI_LONG, (rank + 1) % size, 0, in, COUNT, MPI_LONG, before, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (int i = 0; i < COUNT; i++) {
      if (in[i] == round * 1000 + before + i) continue;
      say(argv[1], "error", rank, round, in[i]);
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
    long mine[2] = {in[0], rank == 0 && access(stop, F_OK) == 0}, all[2];
    MPI_Allreduce(mine, all, 2, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    sum += all[0];
    say(argv[1], "rank", rank, round, sum);
    if (all[1]) break;
    nanosleep(&pause, NULL);
  }
  MPI_Finalize();
  say(argv[1], "done", rank, round, sum);
  return 0;
}
