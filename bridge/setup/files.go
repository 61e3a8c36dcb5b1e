package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// fileExistsError says which file stood in the way.
type fileExistsError struct{ path string }

func (e *fileExistsError) Error() string { return e.path + " exists" }

// writeAll writes all files of a plan or none: first beside their places, then all are moved there.
// Files that are in the way are an error without overwrite, also if they appear in between; with it
// they are put back if a later one fails. Folders that it made itself are removed again.
func writeAll(pl *plan, overwrite bool) (err error) {
	var undo []func()
	defer func() {
		if err != nil {
			for i := len(undo) - 1; i >= 0; i-- {
				undo[i]()
			}
		}
	}()
	if !overwrite {
		for _, file := range pl.files {
			if _, err = os.Lstat(file.path); err == nil {
				return &fileExistsError{file.path}
			}
		}
	}
	for _, folder := range pl.folders {
		made, err := makeFolder(folder)
		for _, one := range made {
			undo = append(undo, func() { os.Remove(one) })
		}
		if err != nil {
			return err
		}
	}
	var written []string
	for _, file := range pl.files {
		beside, err := writeBeside(file)
		if err != nil {
			return err
		}
		defer os.Remove(beside)
		written = append(written, beside)
	}
	var backups []string
	for i, file := range pl.files {
		backup, err := moveInto(written[i], file.path, overwrite)
		if err != nil {
			return err
		}
		undo = append(undo, func() {
			os.Remove(file.path)
			if backup != "" {
				os.Rename(backup, file.path)
			}
		})
		if backup != "" {
			backups = append(backups, backup)
		}
	}
	for _, backup := range backups {
		os.Remove(backup)
	}
	return nil
}

// makeFolder makes a folder that only its owner can open, with its parents, and returns those that
// were not there before, outermost first.
func makeFolder(folder string) (made []string, err error) {
	var missing []string
	for at := folder; ; at = filepath.Dir(at) {
		if _, err = os.Stat(at); err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, at)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err = os.Mkdir(missing[i], 0o700); err != nil {
			return made, fmt.Errorf("make the folder: %w", err)
		}
		made = append(made, missing[i])
	}
	if info, err := os.Stat(folder); err != nil {
		return made, fmt.Errorf("make the folder: %w", err)
	} else if !info.IsDir() {
		return made, fmt.Errorf("%s is not a folder", folder)
	}
	return made, nil
}

// writeBeside writes a file's content under another name in the same folder. os.CreateTemp makes it
// readable for its owner only.
func writeBeside(file plannedFile) (string, error) {
	temporary, err := os.CreateTemp(filepath.Dir(file.path), "."+filepath.Base(file.path)+".*")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", file.path, err)
	}
	_, err = temporary.Write(file.data)
	if err == nil {
		err = temporary.Sync()
	}
	if closeError := temporary.Close(); err == nil {
		err = closeError
	}
	if err != nil {
		os.Remove(temporary.Name())
		return "", fmt.Errorf("write %s: %w", file.path, err)
	}
	return temporary.Name(), nil
}

// moveInto gives a written file its name. A link fails where a rename would replace a file that has
// come up since it was looked for. With overwrite it returns where the old file was put.
func moveInto(written, path string, overwrite bool) (backup string, err error) {
	if overwrite {
		info, err := os.Lstat(path)
		if err == nil && info.IsDir() {
			return "", fmt.Errorf("%s is a folder", path)
		} else if err == nil {
			backup = written + ".old"
			if err = os.Rename(path, backup); err != nil {
				return "", fmt.Errorf("put %s aside: %w", path, err)
			}
		}
	}
	err = os.Link(written, path)
	if errors.Is(err, fs.ErrExist) {
		return "", &fileExistsError{path}
	} else if err != nil {
		// Some file systems know no links.
		err = os.Rename(written, path)
	}
	if err != nil && backup != "" {
		os.Rename(backup, path)
	}
	return backup, err
}
