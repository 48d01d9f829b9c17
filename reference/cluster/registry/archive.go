package registry

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/etalon-dev/etalon/fixtures/images"
)

// Load adds the images of an archive, as `docker save`, `ctr image export` or `skopeo copy` to
// oci-archive write it, and returns their full names.
func (s *Store) Load(file string) ([]string, error) {
	index, err := s.loadBlobs(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var names []string
	if index != nil {
		names, err = s.loadOCI(index)
	}
	if err == nil && len(names) == 0 {
		names, err = s.loadDocker(file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return names, nil
}

// loadBlobs stores the blobs of an OCI archive and returns its index, nil where the archive has none.
func (s *Store) loadBlobs(file string) (*v1.IndexManifest, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	var index *v1.IndexManifest
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return index, nil
		}
		if err != nil {
			return nil, fmt.Errorf("not a tar archive of images: %w", err)
		}
		entry := path.Clean(h.Name)
		digest, isBlob := strings.CutPrefix(entry, "blobs/sha256/")
		switch {
		case entry == "index.json":
			index = new(v1.IndexManifest)
			if err := json.NewDecoder(r).Decode(index); err != nil {
				return nil, fmt.Errorf("index.json: %w", err)
			}
		case isBlob && h.Typeflag == tar.TypeReg:
			hash, err := v1.NewHash("sha256:" + digest)
			if err != nil {
				return nil, err
			}
			if err := s.putBlob(hash, func() (io.ReadCloser, error) { return io.NopCloser(r), nil }); err != nil {
				return nil, err
			}
		}
	}
}

// loadOCI names what the index of an archive lists; what has no full name there is left to loadDocker.
func (s *Store) loadOCI(index *v1.IndexManifest) ([]string, error) {
	images := map[string]v1.Descriptor{}
	var names []string
	for _, m := range index.Manifests {
		reference := m.Annotations["io.containerd.image.name"]
		if reference == "" {
			reference = m.Annotations[nameAnnotation]
		}
		// `docker save` puts the bare tag here.
		if !strings.ContainsAny(reference, "/:") {
			continue
		}
		full, err := Normalize(reference)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(s.blob(m.Digest)); err != nil {
			return nil, fmt.Errorf("image %s: its manifest %s is not in the archive", full, m.Digest)
		}
		images[full] = v1.Descriptor{MediaType: m.MediaType, Size: m.Size, Digest: m.Digest}
		names = append(names, full)
	}
	return names, s.tag(images)
}

func (s *Store) loadDocker(file string) ([]string, error) {
	open := func() (io.ReadCloser, error) { return os.Open(file) }
	manifest, err := tarball.LoadManifest(open)
	if err != nil {
		return nil, errors.New("neither an OCI nor a Docker archive with named images")
	}
	var names []string
	for _, described := range manifest {
		for _, reference := range described.RepoTags {
			tag, err := name.NewTag(reference)
			if err != nil {
				return nil, err
			}
			image, err := tarball.Image(open, &tag)
			if err != nil {
				return nil, err
			}
			full, err := Normalize(reference)
			if err != nil {
				return nil, err
			}
			if err := s.AddImage(full, image); err != nil {
				return nil, err
			}
			names = append(names, full)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no image in it has a name")
	}
	return names, nil
}

// Write writes images to an archive that `docker load`, `ctr image import` and Load read.
func Write(file string, made []images.Named) error {
	all := map[name.Reference]v1.Image{}
	for _, i := range made {
		reference, err := name.NewTag(i.Name)
		if err != nil {
			return err
		}
		all[reference] = i.Image
	}
	return tarball.MultiRefWriteToFile(file, all)
}
