// Decides by the name alone whether a file counts as source code: `code_files_only` of listings, `is_code` of
// file_stat. Configuration that people edit as code (JSON, YAML, TOML, Dockerfiles) counts, prose does not.

const CODE_EXTENSIONS: ReadonlySet<string> = new Set(
  `
  .ts .tsx .mts .cts .js .jsx .mjs .cjs .vue .svelte .astro .html .htm .css .scss .sass .less
  .py .pyi .pyx .ipynb .rb .erb .rake .gemspec .php .pl .pm .lua .tcl .r .jl .m .mm
  .go .rs .c .h .cc .cpp .cxx .hh .hpp .hxx .inl .cu .cuh .zig .nim .d .v .sv .vhd .vhdl .asm .s
  .java .kt .kts .scala .sc .groovy .gradle .clj .cljs .cljc .edn .cs .csx .fs .fsx .fsi .vb .swift .dart
  .hs .lhs .ml .mli .elm .ex .exs .erl .hrl .lisp .cl .el .scm .rkt .sol .move .cairo
  .sh .bash .zsh .fish .ksh .ps1 .psm1 .bat .cmd .awk
  .sql .graphql .gql .proto .thrift .prisma .wgsl .glsl .vert .frag .hlsl .metal
  .json .jsonc .json5 .yaml .yml .toml .xml .xsd .xsl .ini .cfg .conf .env .properties .tf .tfvars .hcl .nix
  .cmake .mk .bzl .bazel .dockerfile .ejs .hbs .pug .liquid .jinja .j2 .tmpl .twig
  `
    .trim()
    .split(/\s+/),
)

const CODE_NAMES: ReadonlySet<string> = new Set(
  `
  makefile gnumakefile dockerfile containerfile jenkinsfile vagrantfile procfile rakefile gemfile brewfile
  justfile cmakelists.txt build workspace .bashrc .zshrc .profile .bash_profile .env .gitignore
  .dockerignore .gitattributes .editorconfig .npmrc .babelrc .eslintrc .prettierrc
  `
    .trim()
    .split(/\s+/),
)

/** Returns the extension with its dot; "" for none. A leading dot begins a name, not an extension. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.')
  return dot > 0 && !/^\.+$/.test(name) ? name.slice(dot) : ''
}

/** Returns whether a file of this name is source code. */
export function isCodeFile(name: string): boolean {
  const lower = name.toLowerCase()
  return CODE_EXTENSIONS.has(extensionOf(lower)) || CODE_NAMES.has(lower)
}
