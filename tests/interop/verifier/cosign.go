package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// The kinds of cosignature of C2SP tlog-cosignature.
const (
	kindEd25519 = 0x04
	kindMLDSA44 = 0x06
)

// cosignedMessage is what a cosigner of this kind and name signs at this time.
func cosignedMessage(kind byte, name string, time uint64, text []byte) ([]byte, error) {
	if kind == kindEd25519 {
		return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", time, text), nil
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 4 || len(name) > 255 || len(lines[0]) > 255 {
		return nil, errors.New("not a checkpoint that can be cosigned")
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil {
		return nil, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != sha256.Size {
		return nil, errors.New("not a root hash")
	}
	message := []byte("subtree/v1\n\x00")
	message = append(append(message, byte(len(name))), name...)
	message = binary.BigEndian.AppendUint64(message, time)
	message = append(append(message, byte(len(lines[0]))), lines[0]...)
	message = binary.BigEndian.AppendUint64(message, 0)
	message = binary.BigEndian.AppendUint64(message, size)
	return append(message, root...), nil
}

// cosigner is the verifier of one cosigner's key.
type cosigner struct {
	name   string
	kind   byte
	public []byte
}

func (c *cosigner) Name() string { return c.name }

func (c *cosigner) KeyHash() uint32 {
	sum := sha256.Sum256(append(append([]byte(c.name+"\n"), c.kind), c.public...))
	return binary.BigEndian.Uint32(sum[:])
}

func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) < 8 {
		return false
	}
	message, err := cosignedMessage(c.kind, c.name, binary.BigEndian.Uint64(signature), text)
	if err != nil {
		return false
	}
	if c.kind == kindEd25519 {
		return ed25519.Verify(c.public, message, signature[8:])
	}
	public, err := mldsa.NewPublicKey(mldsa.MLDSA44(), c.public)
	return err == nil && mldsa.Verify(public, message, signature[8:], nil) == nil
}

func (c *cosigner) String() string {
	key := append([]byte{c.kind}, c.public...)
	return fmt.Sprintf("%s+%08x+%s", c.name, c.KeyHash(), base64.StdEncoding.EncodeToString(key))
}

// parseCosigner reads a verifier key and holds it against the one form that it has.
func parseCosigner(vkey string) (*cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a verifier key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) < 1 {
		return nil, errors.New("not a verifier key")
	}
	c := &cosigner{parts[0], key[0], key[1:]}
	if (c.kind != kindEd25519 && c.kind != kindMLDSA44) || c.String() != vkey {
		return nil, errors.New("not the verifier key of a cosigner")
	}
	return c, nil
}

// cosigned opens the note on standard input with a cosigner's key alone and prints the time of the cosignature.
func cosigned(vkey string) error {
	verifier, err := parseCosigner(vkey)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(opened.Sigs[0].Base64)
	if err != nil {
		return err
	}
	fmt.Println(binary.BigEndian.Uint64(signature[4:]))
	return nil
}

// cosign prints a verifier key, and the note that standard input becomes by a cosignature of it.
func cosign(kind byte, name, seed string, time uint64) error {
	secret, err := hex.DecodeString(seed)
	if err != nil || len(secret) != ed25519.SeedSize {
		return errors.New("not a seed")
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	message, err := cosignedMessage(kind, name, time, text)
	if err != nil {
		return err
	}
	blob := binary.BigEndian.AppendUint64(nil, time)
	var c *cosigner
	if kind == kindEd25519 {
		private := ed25519.NewKeyFromSeed(secret)
		c = &cosigner{name, kind, private.Public().(ed25519.PublicKey)}
		blob = append(blob, ed25519.Sign(private, message)...)
	} else {
		private, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), secret)
		if err != nil {
			return err
		}
		c = &cosigner{name, kind, private.PublicKey().Bytes()}
		signature, err := private.Sign(nil, message, nil)
		if err != nil {
			return err
		}
		blob = append(blob, signature...)
	}
	line := binary.BigEndian.AppendUint32(nil, c.KeyHash())
	fmt.Println(c)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n— %s %s\n", text, name, base64.StdEncoding.EncodeToString(append(line, blob...)))
	_, err = os.Stdout.Write(out.Bytes())
	return err
}
