// Loads the library when one of its functions is called for the first time, and finds that function.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden")))

struct slot {
  void *address;
  const char *name;
};

struct table {
  void *copy;
  const char *name;
  size_t size;
};

// Ends with one whose copy is null.
extern const struct table tl_tables[] HIDDEN;

// Recursive, because the library's own start-up calls functions of it through here.
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void fail(void) {
  fprintf(stderr, "error: libtorch cannot be loaded: %s; put it back by `cargo xtask fetch`\n", dlerror());
  _exit(2);
}

static void *find(const char *name) {
  void *found = dlsym(RTLD_DEFAULT, name);
  if (!found) fail();
  return found;
}

static void load(void) {
  static int is_loading;
  if (is_loading) return;
  is_loading = 1;
  if (!dlopen(LIBRARY, RTLD_LAZY | RTLD_GLOBAL)) fail();
}

// The loader fills the library's tables in before it calls the start-up.
static void copy_tables(void) {
  static int is_done;
  if (is_done) return;
  is_done = 1;
  for (const struct table *table = tl_tables; table->copy; table++) memcpy(table->copy, find(table->name), table->size);
}

HIDDEN void *tl_find(struct slot *slot) {
  pthread_mutex_lock(&lock);
  load();
  copy_tables();
  void *found = find(slot->name);
  __atomic_store_n(&slot->address, found, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&lock);
  return found;
}
