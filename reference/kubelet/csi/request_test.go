package csi

import (
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

func TestWhoGivesFilesToThePodsGroup(t *testing.T) {
	group, once, many := ptr.To(int64(7)), []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}, []v1.PersistentVolumeAccessMode{v1.ReadWriteMany}
	for name, c := range map[string]struct {
		policy    storagev1.FSGroupPolicy
		fsType    string
		modes     []v1.PersistentVolumeAccessMode
		change    func(*volumes.Record)
		delegated bool
		want      bool
	}{
		"by default with a file system for one node": {fsType: "ext4", modes: once, want: true},
		"by default without a file system":           {modes: once},
		"by default for many nodes":                  {fsType: "ext4", modes: many},
		"by default for the pod's own":               {fsType: "ext4", change: func(r *volumes.Record) { r.Inline = true }, want: true},
		"File, whatever the volume":                  {policy: storagev1.FileFSGroupPolicy, modes: many, want: true},
		"None":                                       {policy: storagev1.NoneFSGroupPolicy, fsType: "ext4", modes: once},
		"a read-only volume":                         {policy: storagev1.FileFSGroupPolicy, change: func(r *volumes.Record) { r.ReadOnly = true }},
		"a device":                                   {policy: storagev1.FileFSGroupPolicy, change: func(r *volumes.Record) { r.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock) }},
		"no group":                                   {policy: storagev1.FileFSGroupPolicy, change: func(r *volumes.Record) { r.FSGroup = nil }},
		"a driver that does it itself":               {policy: storagev1.FileFSGroupPolicy, delegated: true},
	} {
		r := &volumes.Record{FSGroup: group, Spec: v1.PersistentVolumeSpec{AccessModes: c.modes,
			PersistentVolumeSource: v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{FSType: c.fsType}}}}
		if c.policy != "" {
			r.Driver = &storagev1.CSIDriverSpec{FSGroupPolicy: &c.policy}
		}
		if c.change != nil {
			c.change(r)
		}
		d := &driver{can: map[csi.NodeServiceCapability_RPC_Type]bool{csi.NodeServiceCapability_RPC_VOLUME_MOUNT_GROUP: c.delegated}}
		if got := givesGroup(r, d); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		told := capability(r, d).GetMount().GetVolumeMountGroup()
		if (told == "7") != c.delegated {
			t.Errorf("%s: the driver is told the group %q", name, told)
		}
	}
}

func TestAccessModes(t *testing.T) {
	for _, c := range []struct {
		mode        v1.PersistentVolumeAccessMode
		plain, told string
	}{
		{v1.ReadWriteOnce, "SINGLE_NODE_WRITER", "SINGLE_NODE_MULTI_WRITER"},
		{v1.ReadWriteOncePod, "SINGLE_NODE_WRITER", "SINGLE_NODE_SINGLE_WRITER"},
		{v1.ReadOnlyMany, "MULTI_NODE_READER_ONLY", "MULTI_NODE_READER_ONLY"},
		{v1.ReadWriteMany, "MULTI_NODE_MULTI_WRITER", "MULTI_NODE_MULTI_WRITER"},
	} {
		modes := []v1.PersistentVolumeAccessMode{c.mode}
		if plain, told := accessMode(modes, false).String(), accessMode(modes, true).String(); plain != c.plain || told != c.told {
			t.Errorf("%s: got %s and %s", c.mode, plain, told)
		}
	}
}
