public import Observations

/// Makes a command that gateways accept, on the city's machine.
public struct CommandSigner: Sendable {
  private let key: Ed25519.PrivateKey
  private let keyIdentifier: String

  /// - Parameter keyIdentifier: the `kid` under which gateways know the public key.
  public init(key: Ed25519.PrivateKey, keyIdentifier: String) {
    self.key = key
    self.keyIdentifier = keyIdentifier
  }

  /// For whom a command is and how long it may be carried out.
  public struct Scope: Sendable {
    /// Nil: a random one is made.
    public var id: String?
    public var root: String
    /// Gateways and groups.
    public var addressees: [String]
    public var issued: WallTime
    /// Until when it may be carried out; at most 24 hours.
    public var lasting: TimeSpan
    /// The boot for which it is, for a gateway whose clock is not synchronized.
    public var boot: String?

    public init(
      id: String?, root: String, addressees: [String], issued: WallTime, lasting: TimeSpan, boot: String?
    ) {
      self.id = id
      self.root = root
      self.addressees = addressees
      self.issued = issued
      self.lasting = lasting
      self.boot = boot
    }
  }

  /// A tag that is searched for, in the clear: only its keyed hash goes into the command.
  public struct Tag: Sendable {
    public var identifier: TagIdentifier
    public var key: TagKey
    /// The name of the key, as in `[watchlist] tag_keys`.
    public var keyIdentifier: String

    /// Reads `FORMAT:HEX`, such as `ibeacon:e2c5…`.
    ///
    /// - Throws: status 65 when it is no identifier of a tag.
    public init(_ text: String, key: TagKey, keyIdentifier: String) throws(GatewayError) {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let digits = Array((parts.last ?? "").utf8)
      let known = TagFormat(name: parts.first ?? "")
      let decoded = Hexadecimal.bytes(of: digits.span, allowingUpperCase: true)
      guard parts.count == 2, let format = known, !format.isRotating, let bytes = decoded,
        let identifier = TagIdentifier(format: format, bytes: bytes.span)
      else {
        throw GatewayError(
          .badInputData,
          "Failed to make the command: the tag is no FORMAT:HEX of a tag whose identifier stays the same: write it such as "
            + "ibeacon:e2c56db5dffb48d2b060d0f5a71096e003e90007; for a rotating tag leave it out and name the subject")
      }
      self.identifier = identifier
      self.key = key
      self.keyIdentifier = keyIdentifier
    }
  }

  /// Signs a command.
  ///
  /// - Parameters:
  ///   - verb: its `do`.
  ///   - text: its `with` as JSON.
  ///   - length: when what it asks for ends, counted from when it is issued; nil: as `with` says.
  ///   - tag: what a search is for.
  /// - Throws: status 65 when a gateway would refuse it as malformed or too long.
  public func sign(
    _ verb: CommandRequest.Verb, with text: [UInt8], lastingFor length: TimeSpan?, tag: Tag?, for scope: Scope
  ) throws(GatewayError) -> [UInt8] {
    let zone = TimeZoneOffsets.fixed(seconds: 0)
    var values: [String: CommandValue]
    do {
      values = try StrictJSON.decode([String: CommandValue].self, from: text)
    } catch {
      throw Self.bad("with is no JSON object: \(error)", "write it such as '{\"output\":\"siren\"}'")
    }
    if let length {
      guard values["end"] == nil else { throw Self.bad("there is an end already", "give --for or an end in --with") }
      values["end"] = .text((scope.issued + length).rfc3339(in: zone))
    }
    if let tag {
      guard verb == .search else { throw Self.bad("only a search has a tag", "leave the tag out") }
      values["tag"] = .text(tag.key.hash(of: tag.identifier).hex)
      values["tag_kid"] = .text(tag.keyIdentifier)
    }
    try Self.check(verb, values, scope)
    let id: String
    do {
      let random = try RandomBytes.make(12)
      id = scope.id ?? Hexadecimal.text(of: random.span)
    } catch {
      throw GatewayError(.bug, "\(error)")
    }
    guard CommandJudge.isIdentifier(id) else {
      throw Self.bad("the id has not 1 to 128 printable ASCII characters", "write another, or leave it out")
    }
    let payload = StrictJSON.encode(
      Wire(
        id: id, root: scope.root, to: scope.addressees, issued: scope.issued.rfc3339(in: zone),
        expires: (scope.issued + scope.lasting).rfc3339(in: zone), do: verb.rawValue,
        with: values.isEmpty ? nil : values, boot: scope.boot))
    return try signed(payload)
  }

  private func signed(_ payload: [UInt8]) throws(GatewayError) -> [UInt8] {
    let text: [UInt8]
    do {
      text = try JSONWebSignature.sign(payload, type: CommandJudge.type, keyIdentifier: keyIdentifier, with: key)
    } catch {
      throw GatewayError(.badInputData, "\(error)")
    }
    guard text.count <= JSONWebSignature.maximumBytes else {
      throw Self.bad(
        "it has \(text.count) bytes, more than \(JSONWebSignature.maximumBytes)", "give fewer readings or addressees")
    }
    return text
  }

  /// Throws what a gateway would refuse, while it can still be mended.
  private static func check(
    _ verb: CommandRequest.Verb, _ values: [String: CommandValue], _ scope: Scope
  ) throws(GatewayError) {
    guard (1...CommandJudge.mostAddressees).contains(scope.addressees.count),
      scope.addressees.allSatisfy(WatchListEntry.isIdentifier)
    else {
      throw bad(
        "it is not for 1 to \(CommandJudge.mostAddressees) gateways or groups",
        "name them by 1 to 40 characters of a-z, 0-9 and hyphens")
    }
    guard scope.lasting > .zero, scope.lasting <= CommandJudge.longest else {
      throw bad("it may not be carried out for more than 24 h", "let it expire earlier")
    }
    let request: CommandRequest
    do {
      request = try CommandRequest(verb, with: values)
    } catch {
      throw bad(error.text, "see docs/commands.md")
    }
    if let end = request.end {
      guard end > scope.issued, end - scope.issued <= CommandJudge.longest else {
        throw bad("its end is over already or more than 24 h away", "give another end")
      }
    }
  }

  private struct Wire: Encodable {
    var id: String
    var root: String
    var to: [String]
    var issued: String
    var expires: String
    var `do`: String
    var with: [String: CommandValue]?
    var boot: String?
  }

  private static func bad(_ problem: String, _ advice: String) -> GatewayError {
    GatewayError(.badInputData, "Failed to make the command: \(problem): \(advice)")
  }
}

extension CommandValue: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .nothing: try container.encodeNil()
    case .flag(let flag): try container.encode(flag)
    case .number(let number): try container.encode(number)
    case .text(let text): try container.encode(text)
    case .list(let list): try container.encode(list)
    case .object(let object): try container.encode(object)
    }
  }
}
