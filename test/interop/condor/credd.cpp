// A credd out of the library that HTCondor's own is made of: it serves STORE_CRED, and nothing else. What it needs of that
// library is declared here by its names there, so that no header of HTCondor's is needed.
#include <cstdio>
#include <vector>

class Stream;
enum DCpermission : int { WRITE = 2 };
enum SubsystemType : long { SUBSYSTEM_TYPE_DAEMON = 11 };
using CommandHandler = int (*)(int, Stream *);

class DaemonCore {
public:
  int Register_Command(int command, const char *name, CommandHandler, const char *handlerName, DCpermission,
                       bool authenticated, int waitForPayload, std::vector<DCpermission> *others);
};

extern DaemonCore *daemonCore;
extern void (*dc_main_init)(int, char **);
extern void (*dc_main_config)();
extern void (*dc_main_shutdown_fast)();
extern void (*dc_main_shutdown_graceful)();
void set_mySubSystem(const char *name, bool known, SubsystemType);
int dc_main(int argc, char **argv);
[[noreturn]] void DC_Exit(int status, const char *shutdownProgram);
int store_cred_handler(int command, Stream *);

namespace {
constexpr int STORE_CRED = 479;

void serve(int, char **) {
  daemonCore->Register_Command(STORE_CRED, "STORE_CRED", store_cred_handler, "store_cred_handler", WRITE, true, 0,
                               nullptr);
  std::fputs("serving STORE_CRED\n", stderr);
}
void heedConfiguration() {}
void stop() { DC_Exit(0, nullptr); }
} // namespace

int main(int argc, char **argv) {
  set_mySubSystem("CREDD", true, SUBSYSTEM_TYPE_DAEMON);
  dc_main_init = serve;
  dc_main_config = heedConfiguration;
  dc_main_shutdown_fast = dc_main_shutdown_graceful = stop;
  return dc_main(argc, argv);
}
