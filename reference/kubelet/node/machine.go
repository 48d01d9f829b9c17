// Package node registers the node with the API server and keeps its status and Lease fresh.
package node

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"golang.org/x/sys/unix"
)

// Machine is what the node is made of; it does not change while the agent runs.
type Machine struct {
	Capacity v1.ResourceList
	Reserved Reserved
	Info     v1.NodeSystemInfo
	// Memory is the machine's memory in bytes.
	Memory int64
	// Swap is what it can swap to, in bytes.
	Swap int64
}

// Inspect reads what the machine has. root is the directory whose file system pods write to.
func Inspect(root string, c *kubeletv1beta1.KubeletConfiguration) (Machine, error) {
	var m Machine
	memory, err := memTotal()
	if err != nil {
		return m, err
	}
	m.Memory = memory
	m.Capacity = v1.ResourceList{
		v1.ResourceCPU:    *resource.NewQuantity(int64(goruntime.NumCPU()), resource.DecimalSI),
		v1.ResourceMemory: *resource.NewQuantity(memory, resource.BinarySI),
		v1.ResourcePods:   *resource.NewQuantity(mostPods(c, goruntime.NumCPU()), resource.DecimalSI),
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return m, fmt.Errorf("size of the file system at %s: %w", root, err)
	}
	m.Capacity[v1.ResourceEphemeralStorage] = *resource.NewQuantity(int64(fs.Blocks)*fs.Bsize, resource.BinarySI)
	for size, bytes := range hugePages() {
		m.Capacity[v1.ResourceName(v1.ResourceHugePagesPrefix+size)] = *resource.NewQuantity(bytes, resource.BinarySI)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return m, err
	}
	m.Swap = int64(info.Totalswap) * int64(info.Unit)
	m.Info = systemInfo()
	m.Info.Swap = swapOf(m.Swap)
	m.Reserved, err = Reservations(m.Capacity, c)
	return m, err
}

// memTotal is the machine's memory in bytes.
func memTotal() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	return parseMemTotal(text)
}

func parseMemTotal(meminfo []byte) (int64, error) {
	for lines := bufio.NewScanner(bytes.NewReader(meminfo)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo does not say MemTotal")
}

// hugePages returns how many bytes of huge pages of each size (2Mi, 1Gi) were set aside.
func hugePages() map[string]int64 {
	out := map[string]int64{}
	const dir = "/sys/kernel/mm/hugepages"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out
	}
	for _, e := range entries {
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(e.Name(), "hugepages-"), "kB"), 10, 64)
		if err != nil {
			continue
		}
		count, err := strconv.ParseInt(line(dir+"/"+e.Name()+"/nr_hugepages"), 10, 64)
		if err != nil {
			continue
		}
		size := resource.NewQuantity(kib<<10, resource.BinarySI)
		out[size.String()] = count * (kib << 10)
	}
	return out
}

func systemInfo() v1.NodeSystemInfo {
	info := v1.NodeSystemInfo{
		MachineID:       line("/etc/machine-id"),
		SystemUUID:      line("/sys/class/dmi/id/product_uuid"),
		BootID:          line("/proc/sys/kernel/random/boot_id"),
		OSImage:         osImage(),
		OperatingSystem: goruntime.GOOS,
		Architecture:    goruntime.GOARCH,
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		info.KernelVersion = unix.ByteSliceToString(u.Release[:])
	}
	if info.SystemUUID == "" {
		info.SystemUUID = info.MachineID
	}
	return info
}

func osImage() string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "Linux"
	}
	for l := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(l), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return "Linux"
}

// line returns the file's first line, empty if it cannot be read.
func line(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	l, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(l)
}
