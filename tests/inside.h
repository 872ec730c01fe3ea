/* What inside.c (files, the command line), inside_process.c (facts), inside_action.c and inside_socket.c know of each other. */
#pragma once

struct command {
    const char *name;
    int arguments; /* At least so many. */
    int (*run)(char **arg);
};

extern const struct command process_commands[];
extern const struct command action_commands[];
extern const struct command socket_commands[];
extern const struct command tree_commands[];
extern const struct command spy_commands[];
extern const struct command change_commands[];

const char *errno_name(int number);
int copy_fd(int from, int to);
int run_command(char **arg);
