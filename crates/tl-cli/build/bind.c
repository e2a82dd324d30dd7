// Loads the library when a function of it is called for the first time.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct slot {
  void *address;
  const char *name;
};

struct table {
  void *copy;
  const char *name;
  size_t size;
};

extern const struct table tl_tables[] __attribute__((visibility("hidden")));

// Recursive, because the library's own start-up calls functions of it through here.
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void fail(void) {
  fprintf(stderr, "error: libtorch cannot be loaded: %s\n`cargo xtask fetch` puts it where tl looks for it.\n", dlerror());
  _exit(2);
}

static void *address(const char *name) {
  void *found = dlsym(RTLD_DEFAULT, name);
  if (!found) fail();
  return found;
}

static void load(void) {
  static int is_loading;
  if (is_loading) return;
  is_loading = 1;
  if (!dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL)) fail();
}

// By now the loader has filled the library's tables in, if not yet called its start-up.
static void copy_tables(void) {
  static int is_done;
  if (is_done) return;
  is_done = 1;
  for (const struct table *table = tl_tables; table->copy; table++) memcpy(table->copy, address(table->name), table->size);
}

__attribute__((visibility("hidden"))) void *tl_find(struct slot *slot) {
  pthread_mutex_lock(&lock);
  load();
  copy_tables();
  void *found = address(slot->name);
  __atomic_store_n(&slot->address, found, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&lock);
  return found;
}
