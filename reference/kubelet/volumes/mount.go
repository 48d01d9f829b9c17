package volumes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	mountutils "k8s.io/mount-utils"
)

// tmpfs mounts an empty file system in memory at dir, of at most size bytes; 0 leaves the
// limit to the kernel. A directory that is one already stays as it is.
func tmpfs(dir string, size int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return err
	}
	if s.Type == unix.TMPFS_MAGIC && isMount(dir) {
		return nil
	}
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		return err
	}
	var err error
	for _, options := range tmpfsOptions(size, machine.Totalswap > 0) {
		if err = unix.Mount("tmpfs", dir, "tmpfs", 0, options); err == nil || !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("mount tmpfs at %s: %w", dir, err)
	}
	return nil
}

// tmpfsOptions are the options to mount with, those first that are best: what is in memory is not to come on the disk of a
// machine that swaps, but kernels before 6.4 cannot see to that.
func tmpfsOptions(size int64, swaps bool) []string {
	options := ""
	if size > 0 {
		options = fmt.Sprintf("size=%d", size)
	}
	if !swaps {
		return []string{options}
	}
	return []string{strings.TrimPrefix(options+",noswap", ","), options}
}

// isMount tells whether something is mounted at dir itself.
func isMount(dir string) bool {
	var here, above unix.Stat_t
	if unix.Lstat(dir, &here) != nil || unix.Lstat(filepath.Dir(dir), &above) != nil {
		return false
	}
	return here.Dev != above.Dev
}

// unmountBelow unmounts everything at or below dir, the innermost first.
func unmountBelow(dir string) error {
	list, err := mountutils.ParseMountInfo("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for _, m := range list {
		if m.MountPoint == dir || strings.HasPrefix(m.MountPoint, dir+"/") {
			points = append(points, m.MountPoint)
		}
	}
	slices.SortFunc(points, func(a, b string) int { return len(b) - len(a) })
	var failures []error
	for _, p := range points {
		err := unix.Unmount(p, unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EBUSY) {
			// Its users are gone or going: it goes with the last of them.
			err = unix.Unmount(p, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
		}
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			failures = append(failures, fmt.Errorf("unmount %s: %w", p, err))
		}
	}
	return errors.Join(failures...)
}

// bindFD mounts what the file descriptor stands for at target, which it makes: nothing that a
// container renames meanwhile can lead elsewhere.
func bindFD(fd int, target string) error {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	if s.Mode&unix.S_IFMT == unix.S_IFDIR {
		if err := os.MkdirAll(target, 0o750); err != nil {
			return err
		}
	} else {
		f, err := os.OpenFile(target, os.O_CREATE, 0o640)
		if err != nil {
			return err
		}
		f.Close()
	}
	return unix.Mount(fmt.Sprintf("/proc/self/fd/%d", fd), target, "", unix.MS_BIND|unix.MS_REC, "")
}

// bindDir mounts the directory at target, with what is mounted below it.
func bindDir(path, target string) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if same, err := mountedFile(fd, target); err == nil && same {
		return nil
	}
	if err := bindFD(fd, target); err != nil {
		return fmt.Errorf("mount %s at %s: %w", path, target, err)
	}
	return nil
}
