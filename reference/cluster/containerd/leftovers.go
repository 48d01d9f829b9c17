package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

// A containerd that is killed while it makes a sandbox has not noted it yet: its successor knows nothing of the network
// namespace, the address and the shim that are there already. They would stay until the node is switched off.

// runcRoot is where runc keeps the state of containers.
const runcRoot = "/run/containerd/runc"

// leftovers are things that may have been made by an earlier containerd.
type leftovers struct {
	// netns are the mounts of network namespaces.
	netns []string
	// addresses are the files of addresses in use, by path, with the sandbox that has each.
	addresses map[string]string
	// shims are processes, with the sandbox that each keeps.
	shims map[int]string
}

// survey looks for all that an earlier containerd of the same programs has made, before another makes more.
func survey(programs string) leftovers {
	out := leftovers{addresses: map[string]string{}, shims: map[int]string{}}
	out.netns, _ = filepath.Glob("/run/containerd/io.containerd.grpc.v1.cri/netns/*")
	files, _ := filepath.Glob(IPAM + "/*/*.*.*.*")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			id, _, _ := strings.Cut(string(text), "\n")
			out.addresses[file] = strings.TrimSpace(id)
		}
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range lines {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if id := shimOf(programs, strings.Split(string(text), "\x00")); id != "" && err == nil {
			out.shims[pid] = id
		}
	}
	return out
}

// shimOf is the sandbox that a shim of ours keeps, by its arguments; empty for other programs.
func shimOf(programs string, arguments []string) string {
	if arguments[0] != filepath.Join(programs, "containerd-shim-runc-v2") {
		return ""
	}
	if i := slices.Index(arguments, "-id"); i >= 0 && i+1 < len(arguments) {
		return arguments[i+1]
	}
	return ""
}

// nobodys returns what of the leftovers belongs to no sandbox. Of sandboxes it takes the ids, and what the runtime says of
// each, which names the network namespace.
func (l leftovers) nobodys(sandboxes map[string]string) leftovers {
	out := leftovers{addresses: map[string]string{}, shims: map[int]string{}}
	for _, path := range l.netns {
		used := false
		for _, said := range sandboxes {
			used = used || strings.Contains(said, filepath.Base(path))
		}
		if !used {
			out.netns = append(out.netns, path)
		}
	}
	for file, id := range l.addresses {
		if _, known := sandboxes[id]; !known {
			out.addresses[file] = id
		}
	}
	for pid, id := range l.shims {
		if _, known := sandboxes[id]; !known {
			out.shims[pid] = id
		}
	}
	return out
}

// removeLeftovers removes what was there before this containerd started and belongs to no sandbox that it knows.
func removeLeftovers(ctx context.Context, before leftovers, programs string) {
	if len(before.netns)+len(before.addresses)+len(before.shims) == 0 {
		return
	}
	log := klog.FromContext(ctx)
	sandboxes, err := known(ctx)
	if err != nil {
		log.Error(err, "Cannot tell what an earlier containerd has left")
		return
	}
	of := before.nobodys(sandboxes)
	for pid, id := range of.shims {
		log.Info("Removing a shim that no sandbox has", "pid", pid, "id", id)
		if err := removeShim(ctx, programs, pid, id); err != nil {
			log.Error(err, "Cannot remove a shim", "pid", pid)
		}
	}
	for _, path := range of.netns {
		log.Info("Removing a network namespace that no sandbox has", "path", path)
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			log.Error(err, "Cannot unmount a network namespace", "path", path)
		}
		if err := os.Remove(path); err != nil {
			log.Error(err, "Cannot remove a network namespace", "path", path)
		}
	}
	for file, id := range of.addresses {
		log.Info("Giving back an address that no sandbox has", "address", filepath.Base(file), "id", id)
		if err := os.Remove(file); err != nil {
			log.Error(err, "Cannot give back an address", "file", file)
		}
	}
}

// known asks the runtime for its sandboxes, as soon as it answers.
func known(ctx context.Context) (map[string]string, error) {
	connection, err := grpc.NewClient("unix://"+Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client := criv1.NewRuntimeServiceClient(connection)
	list, err := client.ListPodSandbox(ctx, &criv1.ListPodSandboxRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	out := map[string]string{}
	for _, s := range list.Items {
		status, err := client.PodSandboxStatus(ctx, &criv1.PodSandboxStatusRequest{PodSandboxId: s.Id, Verbose: true})
		if err != nil {
			// Without its word nothing can be told from what is nobody's.
			return nil, fmt.Errorf("sandbox %s: %w", s.Id, err)
		}
		out[s.Id] = fmt.Sprint(status.Info)
	}
	return out, nil
}

// removeShim ends what the shim keeps, and the shim.
func removeShim(ctx context.Context, programs string, pid int, id string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// The number may have passed to another process since.
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || shimOf(programs, strings.Split(string(text), "\x00")) != id {
		return nil
	}
	if _, err := os.Stat(filepath.Join(runcRoot, "k8s.io", id)); err == nil {
		if out, err := exec.CommandContext(ctx, filepath.Join(programs, "runc"), "--root", filepath.Join(runcRoot, "k8s.io"), "delete", "--force", id).CombinedOutput(); err != nil {
			return fmt.Errorf("runc delete: %w: %s", err, out)
		}
	}
	return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
}
