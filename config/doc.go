// Package config is the configuration of the process: what an operator may set,
// where it may be set, and what it may be.
//
// It is not the configuration of the parts. They take plain values when they
// are constructed and do not know this package; the commands, in
// [kiket.dev/auth/cmd/kiket-auth], read a [Config] once and hand its fields on.
// There are no globals, and nothing is read again while the process runs.
//
// # How a setting moves through it
//
// [Settings] is one table: the name of each setting, its default, its one-line
// description, whether it is secret, and how its text becomes a field of
// [Config]. [Load] gathers one text per setting (environment over file over
// default), parses all of them, checks the rules that bind several, and returns
// either the whole configuration or every mistake at once, as [Mistakes]. The
// documentation table and the example file are made from the same table, and a
// test holds them to it.
//
// A secret may also be given by the name of a file that holds it, with _FILE
// (or _file) after the setting's name. No error shows the value of a secret.
package config
