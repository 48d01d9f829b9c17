package volumes

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestOnRootMismatchLooksAtTheRootAlone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files to other groups")
	}
	for name, c := range map[string]struct {
		group  int
		mode   fs.FileMode
		policy bool
		walks  bool
	}{
		"the root is right":                    {group: 77, mode: 0o770 | fs.ModeSetgid, policy: true},
		"the root is right, but Always":        {group: 77, mode: 0o770 | fs.ModeSetgid, walks: true},
		"another group's":                      {group: 78, mode: 0o770 | fs.ModeSetgid, policy: true, walks: true},
		"the group's files would be another's": {group: 77, mode: 0o770, policy: true, walks: true},
		"the group may not write":              {group: 77, mode: 0o750 | fs.ModeSetgid, policy: true, walks: true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			file := filepath.Join(root, "file")
			for _, err := range []error{os.WriteFile(file, nil, 0o600), os.Chown(root, -1, c.group), os.Chmod(root, c.mode)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := giveTo(root, 77, c.policy); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if walked := groupOf(info) == 77; walked != c.walks || walked != (info.Mode().Perm() == 0o660) {
				t.Errorf("the file belongs to %d with %s", groupOf(info), info.Mode())
			}
		})
	}
}
