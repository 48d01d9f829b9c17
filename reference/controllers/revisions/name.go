package revisions

import (
	"fmt"
	"hash/fnv"
	"strconv"

	"k8s.io/apimachinery/pkg/util/rand"
)

// longestPrefix leaves room for a dash and a hash in a name.
const longestPrefix = 223

// hashOf is the hash of a revision's data, and of the number of collisions met
// so far, in characters that cannot form a bad word.
func hashOf(data []byte, collisions *int32) string {
	hash := fnv.New32()
	_, _ = hash.Write(data)
	if collisions != nil {
		_, _ = hash.Write([]byte(strconv.FormatInt(int64(*collisions), 10)))
	}
	return rand.SafeEncodeString(fmt.Sprint(hash.Sum32()))
}

// nameOf joins the owner's name and the hash, shortening the former where both
// together would be too long.
func nameOf(owner, hash string) string {
	if len(owner) > longestPrefix {
		owner = owner[:longestPrefix]
	}
	return owner + "-" + hash
}
