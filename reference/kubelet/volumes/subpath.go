package volumes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// subPath mounts the path below the volume at target. What is not there is made as a
// directory. Symlinks may lead about within the volume, not out of it: containers write them.
func subPath(volume, sub, target string) error {
	root, err := unix.Open(volume, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		// A hostPath volume may be a file, which has nothing below it.
		return fmt.Errorf("open volume for subPath %q: %w", sub, err)
	}
	defer unix.Close(root)
	fd, err := beneath(root, sub, true)
	if err != nil {
		return fmt.Errorf("failed to prepare subPath %q: %w", sub, err)
	}
	defer unix.Close(fd)
	if isMount(target) {
		// From an earlier start of the container: the volume may have another content now.
		unix.Unmount(target, unix.MNT_DETACH)
	}
	if same, err := mountedFile(fd, target); err == nil && same {
		return nil
	}
	return bindFD(fd, target)
}

// mountedFile tells whether target shows the same file as fd; a bind of a file on the same
// file system is no other device, and isMount does not see it.
func mountedFile(fd int, target string) (bool, error) {
	var a, b unix.Stat_t
	if err := unix.Fstat(fd, &a); err != nil {
		return false, err
	}
	if err := unix.Stat(target, &b); err != nil {
		return false, err
	}
	if a.Dev == b.Dev && a.Ino == b.Ino {
		return true, nil
	}
	// Something else is there: an older bind, or nothing but the mount point.
	unix.Unmount(target, unix.MNT_DETACH)
	return false, nil
}

// errMake says that a missing directory could not be made.
var errMake = errors.New("cannot make the directory")

// like gives a directory that was just made the mode of the volume, and its group: whoever may write there may
// write here, whatever the umask.
func like(fd, root int) error {
	var s unix.Stat_t
	if err := unix.Fstat(root, &s); err != nil {
		return err
	}
	path := fmt.Sprintf("/proc/self/fd/%d", fd)
	if err := os.Chown(path, -1, int(s.Gid)); err != nil {
		return err
	}
	// After the change of owner, which clears setgid.
	return unix.Chmod(path, s.Mode&0o7777)
}

// beneath opens sub below root, and makes the directories that are missing if it may.
func beneath(root int, sub string, create bool) (int, error) {
	if !filepath.IsLocal(sub) {
		return -1, errors.New("it must be a path within the volume")
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(root, sub, &how)
	if !errors.Is(err, unix.ENOENT) || !create {
		return fd, err
	}
	parts := strings.Split(filepath.Clean(sub), "/")
	dir, err := unix.Openat2(root, ".", &how)
	if err != nil {
		return -1, err
	}
	for i, part := range parts {
		fd, err := unix.Openat2(root, filepath.Join(parts[:i+1]...), &how)
		if errors.Is(err, unix.ENOENT) {
			made := unix.Mkdirat(dir, part, 0o700)
			if made != nil && !errors.Is(made, unix.EEXIST) {
				unix.Close(dir)
				return -1, fmt.Errorf("%w: %w", errMake, made)
			}
			if fd, err = unix.Openat2(root, filepath.Join(parts[:i+1]...), &how); err == nil && made == nil {
				err = like(fd, root)
			}
		}
		unix.Close(dir)
		if err != nil {
			return -1, err
		}
		dir = fd
	}
	return dir, nil
}
