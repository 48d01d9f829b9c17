package validation

import (
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const fileModeRange = "must be a number between 0 and 0777 (octal), both inclusive"

// descendingPath wants a relative path that stays below where it starts.
func descendingPath(p *field.Path, s string) (errs field.ErrorList) {
	if path.IsAbs(s) {
		errs = append(errs, field.Invalid(p, s, "must be a relative path"))
	}
	return append(errs, noBacksteps(p, s)...)
}

// volumeFilePath wants a descendingPath that does not collide with the names that atomic updates of
// a volume use, which all begin with two dots.
func volumeFilePath(p *field.Path, s string) field.ErrorList {
	errs := descendingPath(p, s)
	if strings.HasPrefix(s, "..") && !strings.HasPrefix(s, "../") {
		errs = append(errs, field.Invalid(p, s, "must not start with '..'"))
	}
	return errs
}

func noBacksteps(p *field.Path, s string) field.ErrorList {
	if slices.Contains(strings.Split(strings.ReplaceAll(s, `\`, "/"), "/"), "..") {
		return field.ErrorList{field.Invalid(p, s, "must not contain '..'")}
	}
	return nil
}

func fileMode(p *field.Path, mode *int32) field.ErrorList {
	if mode != nil && (*mode < 0 || *mode > 0o777) {
		return field.ErrorList{field.Invalid(p, *mode, fileModeRange)}
	}
	return nil
}
