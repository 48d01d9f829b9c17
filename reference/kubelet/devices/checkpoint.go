package devices

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/types"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// checkpointVersion is that of the file's form.
const checkpointVersion = 1

// document is the file's form.
type document struct {
	Version int `json:"version"`
	// Resources are those that plugins had registered.
	Resources []string `json:"resources,omitempty"`
	Holdings  []record `json:"holdings,omitempty"`
}

// record is one holding.
type record struct {
	Pod       types.UID `json:"pod"`
	Container string    `json:"container"`
	Resource  string    `json:"resource"`
	Devices   []device  `json:"devices"`
	// Answer is a ContainerAllocateResponse, as protobuf.
	Answer []byte `json:"answer"`
}

type device struct {
	ID   string `json:"id"`
	NUMA []int  `json:"numa,omitempty"`
}

// parse reads the file. What containers hold whose plugin was never asked is nobody's.
func parse(text []byte) (resources []string, held holdings, err error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, nil, err
	}
	if d.Version != checkpointVersion {
		return nil, nil, errors.New("written by another version of the kubelet")
	}
	held = holdings{}
	for _, r := range d.Holdings {
		h := &holding{answer: &api.ContainerAllocateResponse{}}
		if err := proto.Unmarshal(r.Answer, h.answer); err != nil {
			return nil, nil, err
		}
		for _, d := range r.Devices {
			h.devices = append(h.devices, Device{ID: d.ID, NUMA: d.NUMA})
		}
		held.set(r.Pod, r.Container, r.Resource, h)
	}
	return d.Resources, held, nil
}

// format is what parse reads.
func format(resources []string, held holdings) ([]byte, error) {
	d := document{Version: checkpointVersion, Resources: slices.Sorted(slices.Values(resources))}
	for uid, pod := range held {
		for container, resources := range pod {
			for resource, h := range resources {
				if h.answer == nil {
					continue
				}
				r := record{Pod: uid, Container: container, Resource: resource}
				for _, d := range h.devices {
					r.Devices = append(r.Devices, device{d.ID, d.NUMA})
				}
				var err error
				if r.Answer, err = proto.Marshal(h.answer); err != nil {
					return nil, err
				}
				d.Holdings = append(d.Holdings, r)
			}
		}
	}
	return json.Marshal(d)
}

// load reads the file; there need not be one.
func load(file string) ([]string, holdings, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, holdings{}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	resources, held, err := parse(text)
	if err != nil {
		return nil, nil, &fs.PathError{Op: "read", Path: file, Err: err}
	}
	return resources, held, nil
}

// store replaces the file as a whole: a reader sees the old one or the new one.
func store(file string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".checkpoint-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
