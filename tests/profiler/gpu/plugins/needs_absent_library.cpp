// No plugin, but it would be asked for its entry only after it was loaded.

extern "C" int placer_absent();

extern "C" int placer_uses_absent() {
  return placer_absent();
}
