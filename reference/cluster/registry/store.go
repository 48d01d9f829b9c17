// Package registry serves the images of a cluster to its nodes: a read-only OCI distribution server
// over a directory in the OCI image layout, and the ways to put images into that directory.
package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nameAnnotation of the OCI image layout has the full name of an image in the index.
const nameAnnotation = "org.opencontainers.image.ref.name"

// Store is a directory in the OCI image layout. Each image has its full name there, such as
// "docker.io/library/busybox:1.37"; a later image takes the name over. Several processes may read and
// write at once.
type Store struct{ Dir string }

// Open returns the store in dir, making it if it is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700); err != nil {
		return nil, err
	}
	s := &Store{Dir: dir}
	if err := replace(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.index()); errors.Is(err, os.ErrNotExist) {
		return s, s.change(func(*v1.IndexManifest) error { return nil })
	}
	return s, nil
}

// Normalize returns the full name that a short one stands for: "busybox" is "docker.io/library/busybox:latest".
func Normalize(reference string) (string, error) {
	ref, err := name.ParseReference(reference, name.WithDefaultRegistry("docker.io"))
	if err != nil {
		return "", err
	}
	full := ref.Name()
	// Docker Hub's short names live under "library".
	if repository, ok := strings.CutPrefix(ref.Context().Name(), "docker.io/"); ok && !strings.Contains(repository, "/") {
		full = "docker.io/library/" + strings.TrimPrefix(full, "docker.io/")
	}
	return strings.Replace(full, "index.docker.io/", "docker.io/", 1), nil
}

// AddImage stores an image under its full name: first all it is made of, then, in one step, the name.
func (s *Store) AddImage(full string, image v1.Image) error {
	descriptor, err := s.writeImage(image)
	if err != nil {
		return fmt.Errorf("image %s: %w", full, err)
	}
	return s.tag(map[string]v1.Descriptor{full: descriptor})
}

func (s *Store) writeImage(image v1.Image) (v1.Descriptor, error) {
	layers, err := image.Layers()
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return v1.Descriptor{}, err
		}
		if err := s.putBlob(digest, l.Compressed); err != nil {
			return v1.Descriptor{}, err
		}
	}
	config, err := image.ConfigName()
	if err != nil {
		return v1.Descriptor{}, err
	}
	if err := s.putBlob(config, opener(image.RawConfigFile)); err != nil {
		return v1.Descriptor{}, err
	}
	descriptor, err := partial.Descriptor(image)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return *descriptor, s.putBlob(descriptor.Digest, opener(image.RawManifest))
}

func opener(get func() ([]byte, error)) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		b, err := get()
		return io.NopCloser(bytes.NewReader(b)), err
	}
}

// putBlob stores what open gives, unless it is there already; it must have that digest.
func (s *Store) putBlob(digest v1.Hash, open func() (io.ReadCloser, error)) error {
	file := s.blob(digest)
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	from, err := open()
	if err != nil {
		return err
	}
	defer from.Close()
	tmp, err := os.CreateTemp(filepath.Dir(file), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(tmp, sum), from); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != digest.Hex {
		return fmt.Errorf("blob %s has the digest sha256:%s", digest, got)
	}
	return os.Rename(tmp.Name(), file)
}

// tag gives images their names; a name that another image had passes on.
func (s *Store) tag(images map[string]v1.Descriptor) error {
	return s.change(func(index *v1.IndexManifest) error {
		kept := index.Manifests[:0]
		for _, m := range index.Manifests {
			if _, renamed := images[m.Annotations[nameAnnotation]]; !renamed {
				kept = append(kept, m)
			}
		}
		for full, d := range images {
			d.Annotations = map[string]string{nameAnnotation: full}
			kept = append(kept, d)
		}
		index.Manifests = kept
		return nil
	})
}

// Find returns the image with that full name.
func (s *Store) Find(full string) (v1.Descriptor, bool, error) {
	index, err := s.read()
	if err != nil {
		return v1.Descriptor{}, false, err
	}
	for _, m := range index.Manifests {
		if m.Annotations[nameAnnotation] == full {
			return m, true, nil
		}
	}
	return v1.Descriptor{}, false, nil
}

// Names lists the images, sorted.
func (s *Store) Names() ([]string, error) {
	index, err := s.read()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range index.Manifests {
		if n := m.Annotations[nameAnnotation]; n != "" {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names, nil
}

func (s *Store) blob(digest v1.Hash) string {
	return filepath.Join(s.Dir, "blobs", digest.Algorithm, digest.Hex)
}

func (s *Store) index() string { return filepath.Join(s.Dir, "index.json") }

func (s *Store) read() (*v1.IndexManifest, error) {
	index := &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	b, err := os.ReadFile(s.index())
	if errors.Is(err, os.ErrNotExist) {
		return index, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, index); err != nil {
		return nil, fmt.Errorf("%s: %w", s.index(), err)
	}
	return index, nil
}

// change reads, changes and replaces the index under a lock that holds off other writers.
func (s *Store) change(by func(*v1.IndexManifest) error) error {
	lock, err := os.OpenFile(filepath.Join(s.Dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	index, err := s.read()
	if err != nil {
		return err
	}
	if err := by(index); err != nil {
		return err
	}
	if index.Manifests == nil {
		index.Manifests = []v1.Descriptor{}
	}
	b, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return replace(s.index(), b)
}

func replace(file string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(content); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
