import ArgumentParser
import Gateway
import Glibc
import Observations

/// Makes keys and pseudonyms, signs watch lists and verifies what was signed. Runs on the city's machine.
struct SignCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign",
    abstract: "Makes keys, and signs and verifies watch lists and commands.",
    discussion: "Runs on the city's own machine: private keys and tags in the clear never go to a gateway.",
    subcommands: [
      KeyPair.self, MakeTagKey.self, Subject.self, SignWatchList.self, SignedCommand.self, Verify.self,
    ])
}

extension SignCommand {
  struct KeyPair: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "keypair", abstract: "Makes an Ed25519 key pair: <kid>.key, to be kept secret, and <kid>.pub.")

    @Option(name: .customLong("kid"), help: "The key's name, as in [[authority]] kid.")
    var keyIdentifier: String
    @Option(name: .customLong("output"), help: "The folder to write the two files to.")
    var folder: String
    @Flag(help: "Replace files that are there already.")
    var force = false

    func validate() throws {
      guard JSONWebSignature.isName(keyIdentifier) else {
        throw ValidationError("--kid has 1 to 64 letters, digits, full stops, hyphens and underscores.")
      }
    }

    func run() throws {
      try StandardStreams.reportingErrors {
        let paths = (secret: "\(folder)/\(keyIdentifier).key", open: "\(folder)/\(keyIdentifier).pub")
        // Neither file is written when one of them is there: a pair must stay a pair.
        if !force { try refuseExisting([paths.secret, paths.open]) }
        let key = try Ed25519.PrivateKey()
        try OutputFile.create(paths.secret, bytes: key.pem, isSecret: true, replacing: force)
        try OutputFile.create(paths.open, bytes: key.publicKey.pem, isSecret: false, replacing: force)
        try StandardStreams.output("\(paths.secret)\n\(paths.open)")
      }
    }
  }

  struct MakeTagKey: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "tagkey", abstract: "Makes a tag key: 32 random bytes as 64 hexadecimal digits, to be kept secret.")

    @Option(name: .customLong("output"), help: "The file to write.")
    var file: String
    @Flag(help: "Replace a file that is there already.")
    var force = false

    func run() throws {
      try StandardStreams.reportingErrors {
        let key = try RandomBytes.make(32)
        let text = Array("\(Hexadecimal.text(of: key.span))\n".utf8)
        try OutputFile.create(file, bytes: text, isSecret: true, replacing: force)
        try StandardStreams.output(file)
      }
    }
  }

  struct Subject: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "subject", abstract: "Prints a new pseudonym for a person: 24 hexadecimal digits, 96 random bits.")

    func run() throws {
      try StandardStreams.reportingErrors {
        let pseudonym = try RandomBytes.make(12)
        try StandardStreams.output(Hexadecimal.text(of: pseudonym.span))
      }
    }
  }

  struct SignWatchList: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "watchlist",
      abstract: "Signs a watch list from persons and their tags.",
      discussion: """
        The input is JSON with the tags' identifiers in the clear; in the output they are hashed under the tag key:
        {"persons":[{"subject":"<24 hex digits>","person":"child",
        "tags":[{"format":"ibeacon","id":"<hex>"}],
        "at":[{"gateway":"kakogawa-042","place":"school-7-gate"}]}]}
        """)

    @Option(name: .customLong("key"), help: "The private key's file.")
    var keyFile: String
    @Option(name: .customLong("kid"), help: "The private key's name, as in [[authority]] kid.")
    var keyIdentifier: String
    @Option(name: .customLong("tag-key"), help: "The tag key's file.")
    var tagKeyFile: String
    @Option(name: .customLong("tag-kid"), help: "The tag key's name, as in [watchlist] tag_keys.")
    var tagKeyIdentifier: String
    @Option(help: "The gateways' [mqtt] root.")
    var root: String
    @Option(help: "The gateways' [watchlist] group.")
    var group: String
    @Option(help: "From 1, and higher than the last list's.")
    var revision: Int
    @Option(help: "The last moment at which the list is accepted, as 2027-03-31T23:59:59+09:00.")
    var validUntil: String
    @Option(help: "The file with the persons.")
    var input: String
    @Option(help: "The file to write.")
    var output: String
    @Flag(help: "Replace a file that is there already.")
    var force = false

    func validate() throws {
      guard JSONWebSignature.isName(keyIdentifier), JSONWebSignature.isName(tagKeyIdentifier) else {
        throw ValidationError("--kid and --tag-kid have 1 to 64 letters, digits, full stops, hyphens and underscores.")
      }
      guard revision >= 1 else { throw ValidationError("--revision counts from 1.") }
      guard WallTime(rfc3339: validUntil) != nil else {
        throw ValidationError("--valid-until is a time with its offset, such as 2027-03-31T23:59:59+09:00.")
      }
    }

    func run() throws {
      try StandardStreams.reportingErrors {
        if !force { try refuseExisting([output]) }
        let key = try KeyFile.privateKey(at: keyFile)
        let tagKey = try KeyFile.tagKey(at: tagKeyFile)
        for warning in [key.warning, tagKey.warning].compactMap({ $0 }) {
          StandardStreams.report("warning: \(warning)")
        }
        var clock = SystemClock()
        let issued = clock.now().wall
        guard let validUntil = WallTime(rfc3339: validUntil), validUntil > issued else {
          throw GatewayError(
            .badInputData, "Failed to make the watch list: --valid-until is over already: give a later time")
        }
        let signer = WatchListSigner(
          key: key.key, keyIdentifier: keyIdentifier, tagKey: tagKey.key, tagKeyIdentifier: tagKeyIdentifier)
        let file = try signer.sign(
          draft: try InputFile.read(input, limit: WatchListSigner.maximumDraftBytes),
          for: WatchListSigner.Scope(
            root: root, group: group, revision: revision, issued: issued, validUntil: validUntil))
        try OutputFile.create(output, bytes: file.bytes, isSecret: false, replacing: force)
        try StandardStreams.output(output)
      }
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify", abstract: "Verifies a signed watch list, or another signed text, and shows what it says.")

    @Option(help: "The signer's public key file.")
    var publicKey: String
    @Argument(help: "The signed file.")
    var file: String

    func run() throws {
      try StandardStreams.reportingErrors {
        let key = try KeyFile.publicKey(at: publicKey)
        try StandardStreams.output(
          try SignedText.describe(try InputFile.read(file, limit: WatchListFile.maximumBytes), verifiedBy: key))
      }
    }
  }
}

func refuseExisting(_ paths: [String]) throws(GatewayError) {
  if let path = paths.first(where: { OutputFile.exists($0) }) {
    throw GatewayError(
      .cannotCreateOutput, "Failed to create \(path): it is there already: choose another name, or give --force")
  }
}
