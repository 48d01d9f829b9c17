package framework

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// MustRefuse fails the spec unless err is the server's refusal with the HTTP status code and a message with every part.
func MustRefuse(err error, code int, parts ...string) {
	GinkgoHelper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		Fail(fmt.Sprintf("wanted: the server refuses with %d %s\n  seen: %v", code, http.StatusText(code), orAccepted(err)))
	}
	if got := int(status.Status().Code); got != code {
		Fail(fmt.Sprintf("wanted: the server refuses with %d %s\n  seen: %d, %v", code, http.StatusText(code), got, err))
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			Fail(fmt.Sprintf("wanted: a refusal that says %q\n  seen: %v", part, err))
		}
	}
}

// MustBeInvalid fails the spec unless err is a 422 whose causes name the field, with a message with every part.
func MustBeInvalid(err error, field string, parts ...string) {
	GinkgoHelper()
	MustRefuse(err, http.StatusUnprocessableEntity, parts...)
	var status apierrors.APIStatus
	errors.As(err, &status)
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			if cause.Field == field {
				return
			}
		}
	}
	Fail(fmt.Sprintf("wanted: a 422 whose details name the field %s\n  seen: %v", field, err))
}

// MustBeMissing fails the spec unless err is a 404 NotFound.
func MustBeMissing(err error) {
	GinkgoHelper()
	MustRefuse(err, http.StatusNotFound)
}

func orAccepted(err error) string {
	if err == nil {
		return "it accepted"
	}
	return err.Error()
}
