import ArgumentParser
import Gateway
import Observations

extension SignCommand {
  struct SignedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "command",
      abstract: "Signs a command to gateways.",
      discussion: """
        Silences every siren of one gateway for half an hour, and sends that at once:
          mimamori-gateway sign command silence --key bousai-2026.key \\
            --kid bousai-2026 --root mimamori/282103 --to kakogawa-042 --for 30m |
            mosquitto_pub -h broker -q 1 -t mimamori/282103/kakogawa-042/command -l
        The gateway answers on mimamori/282103/kakogawa-042/reply. What each command takes with it stands in \
        docs/commands.md. The same command can be sent twice: it is done once.
        """)

    @Argument(help: "What to do: acknowledge, silence, exercise, test, maintenance, search, report or reload.")
    var verb: String
    @Option(name: .customLong("key"), help: "The private key's file.")
    var keyFile: String
    @Option(name: .customLong("kid"), help: "The private key's name, as in [[authority]] kid.")
    var keyIdentifier: String
    @Option(help: "The gateways' [mqtt] root.")
    var root: String
    @Option(name: .customLong("to"), help: "A gateway's id or a group; may be given several times.")
    var addressees: [String]
    @Option(help: "What the command takes with it, as JSON: {\"output\":\"siren\"}.")
    var with = "{}"
    @Option(name: .customLong("for"), help: "How long what it asks for lasts: 30m, 2h, at most 24h.")
    var length: String?
    @Option(name: .customLong("valid-for"), help: "How long it may be carried out: 10m, at most 24h.")
    var lasting = "10m"
    @Option(help: "The gateway's boot, as its answer has it: needed while its clock is not synchronized.")
    var boot: String?
    @Option(help: "The command's id; a random one unless given.")
    var id: String?
    @Option(help: "Of a search: the tag in the clear as FORMAT:HEX; only its hash goes into the command.")
    var tag: String?
    @Option(name: .customLong("tag-key"), help: "Of a search: the tag key's file.")
    var tagKeyFile: String?
    @Option(name: .customLong("tag-kid"), help: "Of a search: the tag key's name, as in [watchlist] tag_keys.")
    var tagKeyIdentifier: String?
    @Option(help: "The file to write; standard output unless given.")
    var output: String?
    @Flag(help: "Replace a file that is there already.")
    var force = false

    func validate() throws {
      guard CommandRequest.Verb(rawValue: verb) != nil else {
        let known = CommandRequest.Verb.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("There is no command '\(verb)'. Known: \(known).")
      }
      guard JSONWebSignature.isName(keyIdentifier) else {
        throw ValidationError("--kid has 1 to 64 letters, digits, full stops, hyphens and underscores.")
      }
      for (name, text) in [("--for", length), ("--valid-for", lasting)] {
        guard text.map({ TimeSpan(configured: $0) != nil }) ?? true else {
          throw ValidationError("\(name) is a whole number and its unit: 90s, 30m or 2h.")
        }
      }
      guard (tag == nil) == (tagKeyFile == nil), (tag == nil) == (tagKeyIdentifier == nil) else {
        throw ValidationError("--tag, --tag-key and --tag-kid belong together.")
      }
    }

    func run() throws {
      try StandardStreams.reportingErrors {
        if let output, !force { try refuseExisting([output]) }
        let key = try KeyFile.privateKey(at: keyFile)
        if let warning = key.warning { StandardStreams.report("warning: \(warning)") }
        var clock = SystemClock()
        let scope = CommandSigner.Scope(
          id: id, root: root, addressees: addressees, issued: clock.now().wall,
          lasting: TimeSpan(configured: lasting) ?? .zero, boot: boot)
        let text = try CommandSigner(key: key.key, keyIdentifier: keyIdentifier).sign(
          CommandRequest.Verb(rawValue: verb) ?? .report, with: Array(with.utf8),
          lastingFor: length.flatMap { TimeSpan(configured: $0) }, tag: try searchedTag(), for: scope)
        if let output {
          try OutputFile.create(output, bytes: text, isSecret: false, replacing: force)
          try StandardStreams.output(output)
        } else {
          try StandardStreams.output(String(decoding: text, as: UTF8.self))
        }
      }
    }

    private func searchedTag() throws(GatewayError) -> CommandSigner.Tag? {
      guard let tag, let tagKeyFile, let tagKeyIdentifier else { return nil }
      let key = try KeyFile.tagKey(at: tagKeyFile)
      if let warning = key.warning { StandardStreams.report("warning: \(warning)") }
      return try CommandSigner.Tag(tag, key: key.key, keyIdentifier: tagKeyIdentifier)
    }
  }
}
