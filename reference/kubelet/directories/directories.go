// Package directories makes the directories behind dynamically provisioned volumes, and deletes them: the part of
// the provisioner etalon.dev/hostpath that has to be on the volume's node.
package directories

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/etalon-dev/etalon/reference/kubelet/removal"
)

// ErrInUse says that a pod of the node still uses the volume.
var ErrInUse = errors.New("the volume is still used by a pod on this node")

// ErrTooLarge says that the node's disk can never hold so much.
var ErrTooLarge = errors.New("the node's disk is smaller than what is asked for")

// Store keeps one directory for each volume.
type Store struct {
	// Root is where they are.
	Root string
	// InUse tells whether a pod uses the volume of that name.
	InUse func(name string) (bool, error)

	mu sync.Mutex
}

// Make makes the directory of a volume that is to hold so many bytes, and returns its path. What is in one that was made
// before stays. No quota keeps the volume to its size; what cannot be had at all is refused.
func (s *Store) Make(name string, bytes uint64) (string, error) {
	dir, err := s.path(name)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(s.Root, 0o711); err != nil {
		return "", err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(s.Root, &fs); err != nil {
		return "", err
	}
	if all := fs.Blocks * uint64(fs.Bsize); bytes > all {
		return "", fmt.Errorf("%w: %d of %d bytes", ErrTooLarge, bytes, all)
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	// Containers may run as anyone; who gets at the volume, the API server decides.
	return dir, os.Chmod(dir, 0o777)
}

// Delete removes the directory with all its content. That it is not there is no error.
func (s *Store) Delete(name string) error {
	dir, err := s.path(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch used, err := s.InUse(name); {
	case err != nil:
		return err
	case used:
		return ErrInUse
	}
	return removal.Tree(dir)
}

func (s *Store) path(name string) (string, error) {
	if errs := content.IsDNS1123Subdomain(name); len(errs) > 0 {
		return "", fmt.Errorf("%q is not the name of a volume", name)
	}
	return filepath.Join(s.Root, name), nil
}
