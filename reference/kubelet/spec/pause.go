package spec

import (
	"encoding/json"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// pauseCalls are what a process needs that holds namespaces open and reaps orphans, and the runtime to become it.
var pauseCalls = []string{
	// To wait, and to take signals.
	"clock_gettime", "clock_nanosleep", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "eventfd2", "exit", "exit_group", "futex", "kill",
	"nanosleep", "pause", "pipe2", "poll", "ppoll", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend",
	"rt_sigtimedwait", "sigaltstack", "signalfd4", "tgkill", "timer_create", "timer_delete", "timer_settime", "wait4", "waitid",
	// To have memory and threads.
	"arch_prctl", "brk", "clone", "clone3", "getcpu", "getpid", "getppid", "getrandom", "gettid", "madvise", "membarrier", "mincore", "mmap", "mprotect",
	"mremap", "munmap", "prlimit64", "rseq", "sched_getaffinity", "sched_yield", "set_robust_list", "set_tid_address", "sysinfo", "uname",
	// To read its own program and what the kernel offers.
	"access", "close", "close_range", "dup", "dup3", "faccessat", "faccessat2", "fcntl", "fstat", "fstatfs", "getcwd", "getdents64", "ioctl", "lseek",
	"newfstatat", "open", "openat", "openat2", "pread64", "read", "readlink", "readlinkat", "readv", "recvmsg", "sendmsg", "stat", "statfs", "statx",
	"write", "writev",
	// To give up what the runtime still had, and to become another program.
	"capget", "capset", "chdir", "execve", "execveat", "fchdir", "fchown", "fchownat", "getegid", "geteuid", "getgid", "getgroups", "getresgid", "getresuid",
	"getuid", "prctl", "seccomp", "setgid", "setgroups", "setpgid", "setresgid", "setresuid", "setsid", "setuid", "umask",
}

// PauseProfileFile is the name of the profile's file in the agent's root directory.
const PauseProfileFile = "pause-seccomp.json"

// PauseProfile is a seccomp profile, as the runtime reads them, for the process that holds a pod's namespaces. It allows less
// than the runtime's own default, which is made for any program, and is ready much sooner: that default's 400 rules for three
// architectures take libseccomp some 15 ms of a pod's start.
//
// What is not allowed does not exist, for which every program is prepared.
func PauseProfile() ([]byte, error) {
	missing := uint(unix.ENOSYS)
	return json.Marshal(specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno, DefaultErrnoRet: &missing,
		Syscalls: []specs.LinuxSyscall{{Names: pauseCalls, Action: specs.ActAllow}},
	})
}
