// Command interop checks a log, as it is served over HTTP, with Go's own libraries for transparency logs
// (golang.org/x/mod/sumdb/tlog and sumdb/note), which share no code with Assay.
//
//	interop verify URL VKEY [CHECKPOINT]   inclusion of every entry; consistency with an older checkpoint, a file
//	interop generate NAME                  a new signer key and its verifier key, a line each
//	interop sign SKEY                      signs standard input as a note
//	interop cosigned VKEY                  the time at which a cosigner signed the note on standard input
//	interop cosign KIND NAME SEED TIME     cosigns standard input; KIND is 4 (Ed25519) or 6 (ML-DSA-44)
package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
)

// tiles reads the tiles of a log that lays them out as C2SP tlog-tiles says.
type tiles struct {
	url  string
	kept map[string][]byte
}

func (t *tiles) Height() int { return height }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		// Package tlog puts the height into the path; in C2SP's it is always 8 and is left out.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, ok := t.kept[path]
		if !ok {
			var err error
			if data, err = get(t.url + path); err != nil {
				return nil, err
			}
			t.kept[path] = data
		}
		found = append(found, data)
	}
	return found, nil
}

func get(url string) ([]byte, error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}

// open checks the log's signature on a checkpoint and returns the tree.
func open(data []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, errors.New("not a root hash")
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(root)}, nil
}

// entries returns one bundle of a tree.
func entries(url string, tree tlog.Tree, bundle int64) ([][]byte, error) {
	count := min(width, tree.N-bundle*width)
	tile := tlog.Tile{H: height, L: 0, N: bundle, W: int(count)}
	data, err := get(url + strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1))
	if err != nil {
		return nil, err
	}
	var found [][]byte
	for len(data) >= 2 {
		length := 2 + int(binary.BigEndian.Uint16(data))
		if len(data) < length {
			break
		}
		found = append(found, data[2:length])
		data = data[length:]
	}
	if len(data) != 0 || int64(len(found)) != count {
		return nil, fmt.Errorf("bundle %d does not hold %d entries", bundle, count)
	}
	return found, nil
}

func verify(url, vkey, old string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	data, err := get(url + "checkpoint")
	if err != nil {
		return err
	}
	tree, err := open(data, verifier)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, &tiles{url, map[string][]byte{}})
	for bundle := int64(0); bundle*width < tree.N; bundle++ {
		found, err := entries(url, tree, bundle)
		if err != nil {
			return err
		}
		for i, entry := range found {
			index := bundle*width + int64(i)
			proof, err := tlog.ProveRecord(tree.N, index, reader)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
		}
	}
	fmt.Println("included", tree.N)
	if old == "" {
		return nil
	}
	if data, err = os.ReadFile(old); err != nil {
		return err
	}
	before, err := open(data, verifier)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(tree.N, before.N, reader)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash); err != nil {
		return fmt.Errorf("not consistent with size %d: %w", before.N, err)
	}
	fmt.Println("consistent", before.N, tree.N)
	return nil
}

func sign(skey string) error {
	signer, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(signed)
	return err
}

func generate(name string) error {
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	fmt.Println(skey)
	fmt.Println(vkey)
	return nil
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "verify":
		return verify(args[1], args[2], "")
	case len(args) == 4 && args[0] == "verify":
		return verify(args[1], args[2], args[3])
	case len(args) == 2 && args[0] == "generate":
		return generate(args[1])
	case len(args) == 2 && args[0] == "sign":
		return sign(args[1])
	case len(args) == 2 && args[0] == "cosigned":
		return cosigned(args[1])
	case len(args) == 5 && args[0] == "cosign" && (args[1] == "4" || args[1] == "6"):
		time, err := strconv.ParseUint(args[4], 10, 63)
		if err != nil {
			return err
		}
		return cosign(args[1][0]-'0', args[2], args[3], time)
	}
	return errors.New("usage: interop verify | generate | sign | cosigned | cosign; see the source")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
