// A library that is there when its user is linked, but not where that is loaded.

extern "C" int placer_absent() {
  return 1;
}
