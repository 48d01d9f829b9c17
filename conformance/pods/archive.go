package pods

import (
	"archive/tar"
	"bytes"
	"io"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// tarOf packs one file, as `kubectl cp` does.
func tarOf(name string, content []byte) []byte {
	GinkgoHelper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	Expect(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})).To(Succeed())
	_, err := w.Write(content)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Close()).To(Succeed())
	return out.Bytes()
}

// onlyFile unpacks the one file of an archive.
func onlyFile(archive []byte) []byte {
	GinkgoHelper()
	r := tar.NewReader(bytes.NewReader(archive))
	_, err := r.Next()
	Expect(err).NotTo(HaveOccurred())
	content, err := io.ReadAll(r)
	Expect(err).NotTo(HaveOccurred())
	return content
}
