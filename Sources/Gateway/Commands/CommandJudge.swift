public import Observations

/// A command whose signature is good. All else about it is yet to be judged.
public struct VerifiedCommand: Sendable, Hashable {
  /// The `kid` of who signed it.
  public let authority: String
  /// 1 to 128 printable ASCII characters without space.
  public let id: String
  /// Of the payload: tells a repeat from another command with the same id.
  public let digest: SHA256Hash
  let payload: [UInt8]
}

/// A command that this gateway is to carry out.
public struct AcceptedCommand: Sendable, Hashable {
  public let issued: WallTime
  /// Until then it may be carried out, and is remembered.
  public let expires: WallTime
  /// The boot that it was made for, if it names one.
  public let boot: String?
  public let verb: CommandRequest.Verb
  public let request: CommandRequest
}

/// Decides whether a signed text is a command for this gateway. Knows no clock and does nothing.
public struct CommandJudge: Sendable {
  /// The `typ` of a command's signature.
  public static let type = "mimamori-command"
  /// So far may an authority's clock be ahead.
  public static let leeway = TimeSpan.seconds(60)
  /// From `issued` to `expires`, and from `issued` to the end of what is asked for.
  public static let longest = TimeSpan.hours(24)
  /// A command names no more gateways and groups.
  static let mostAddressees = 64

  private let root: String
  private let names: Set<String>
  private let authorities: [SigningAuthority]
  private let boot: String

  /// - Parameters:
  ///   - root: the configured `[mqtt] root`.
  ///   - gateway: this gateway's id.
  ///   - groups: the groups that it belongs to; a command may be addressed to them as well.
  ///   - authorities: every configured `[[authority]]`.
  ///   - boot: the random id of this boot.
  public init(root: String, gateway: String, groups: [String], authorities: [SigningAuthority], boot: String) {
    self.root = root
    names = Set(groups + [gateway])
    self.authorities = authorities
    self.boot = boot
  }

  /// Verifies the signature over the bytes as they came, and only then looks into them.
  public func verify(_ bytes: [UInt8], isRetained: Bool) throws(CommandNeglect) -> VerifiedCommand {
    guard !isRetained else { throw .retained }
    // A file that was sent as it is may end with a line feed.
    let text = bytes.last == UInt8(ascii: "\n") ? Array(bytes.dropLast()) : bytes
    let signature: JSONWebSignature
    let payload: [UInt8]
    do {
      signature = try JSONWebSignature(compact: text)
      guard signature.type == Self.type,
        let authority = authorities.first(where: { $0.keyIdentifier == signature.keyIdentifier })
      else { throw CommandNeglect.unsigned }
      payload = try signature.payload(verifiedBy: authority.publicKey)
    } catch {
      throw .unsigned
    }
    guard let id = (try? StrictJSON.decode(Identity.self, from: payload))?.id, Self.isIdentifier(id) else {
      throw .unreadable
    }
    return VerifiedCommand(
      authority: signature.keyIdentifier, id: id, digest: SHA256Hash(of: payload.span), payload: payload)
  }

  /// Judges everything but whether it was done before.
  ///
  /// - Parameters:
  ///   - needsBoot: whether it must name the boot, because replays could not be told otherwise.
  ///   - forgottenThrough: commands that expired up to then are no longer remembered, and are refused as expired
  ///     whatever the clock says.
  public func judge(
    _ command: VerifiedCommand, at now: Moment, needsBoot: Bool, forgottenThrough: WallTime? = nil
  ) throws(CommandRejection) -> AcceptedCommand {
    let wire = try read(command)
    guard wire.root == root else {
      throw CommandRejection(.wrongRoot, "it is for another root than \(root): sign it with this gateway's mqtt.root")
    }
    guard !names.isDisjoint(with: wire.to) else {
      throw CommandRejection(
        .notAddressed, "neither this gateway nor a group of it is among to: name it there, or send it elsewhere")
    }
    let (issued, expires) = try times(wire)
    try judge(issued: issued, expires: expires, at: now, forgottenThrough: forgottenThrough)
    try judge(boot: wire.boot, isNeeded: needsBoot)
    let verb = try verb(wire, of: command.authority)
    let request: CommandRequest
    do {
      request = try CommandRequest(verb, with: wire.with ?? [:])
    } catch {
      throw Self.malformed(error.text)
    }
    if let end = request.end {
      guard end > issued else { throw Self.malformed("with.end is not after issued") }
      guard end - issued <= Self.longest else {
        throw CommandRejection(.tooLong, "what it asks for lasts for more than 24 h: give an earlier end")
      }
    }
    return AcceptedCommand(issued: issued, expires: expires, boot: wire.boot, verb: verb, request: request)
  }

  /// What the payload asks for, as far as it can be read: for the record of a refusal.
  public func verb(of command: VerifiedCommand) -> CommandRequest.Verb? {
    (try? StrictJSON.decode(Deed.self, from: command.payload)).flatMap { CommandRequest.Verb(rawValue: $0.do) }
  }

  /// When the command expires, as far as that can be read: for the memory of a refusal.
  public func expiry(of command: VerifiedCommand) -> WallTime? {
    (try? StrictJSON.decode(Expiry.self, from: command.payload)).flatMap { WallTime(rfc3339: $0.expires) }
  }

  private func read(_ command: VerifiedCommand) throws(CommandRejection) -> Wire {
    let wire: Wire
    do {
      wire = try StrictJSON.decode(Wire.self, from: command.payload)
    } catch {
      throw Self.malformed("\(error)")
    }
    guard (1...Self.mostAddressees).contains(wire.to.count) else {
      throw Self.malformed("to has not 1 to \(Self.mostAddressees) names")
    }
    guard wire.boot.map({ (1...64).contains($0.utf8.count) }) ?? true else {
      throw Self.malformed("boot has not 1 to 64 characters")
    }
    return wire
  }

  private func times(_ wire: Wire) throws(CommandRejection) -> (issued: WallTime, expires: WallTime) {
    guard let issued = WallTime(rfc3339: wire.issued), let expires = WallTime(rfc3339: wire.expires) else {
      throw Self.malformed("issued or expires is no RFC 3339 time")
    }
    guard expires > issued else { throw Self.malformed("expires is not after issued") }
    guard expires - issued <= Self.longest else {
      throw CommandRejection(.tooLong, "it is valid for more than 24 h: let it expire earlier")
    }
    return (issued, expires)
  }

  private func judge(
    issued: WallTime, expires: WallTime, at now: Moment, forgottenThrough: WallTime?
  ) throws(CommandRejection) {
    let expired = CommandRejection(.expired, "its time to be carried out is over: sign it anew")
    if let forgottenThrough, expires <= forgottenThrough { throw expired }
    // Without a clock that was ever set there is no telling; the boot that it must name stands in for the time.
    guard now.clock != .unsynchronized else { return }
    guard issued <= now.wall + Self.leeway else {
      throw CommandRejection(
        .fromFuture,
        "it was issued more than 60 s ahead of this gateway's clock: set the clock of the signing machine, and compare at"
      )
    }
    guard now.wall < expires else { throw expired }
  }

  private func judge(boot named: String?, isNeeded: Bool) throws(CommandRejection) {
    if let named {
      guard named == boot else {
        throw CommandRejection(
          .wrongBoot, "it was made for another boot of this gateway: sign it anew with boot as this answer has it")
      }
    } else if isNeeded {
      throw CommandRejection(
        .bootNeeded,
        "this gateway's clock is not synchronized, or its memory of commands began less than a day ago: sign it anew "
          + "with boot as this answer has it")
    }
  }

  private func verb(_ wire: Wire, of authority: String) throws(CommandRejection) -> CommandRequest.Verb {
    guard let verb = CommandRequest.Verb(rawValue: wire.do) else {
      let known = CommandRequest.Verb.allCases.map(\.rawValue).joined(separator: ", ")
      throw Self.malformed("do is none of \(known)")
    }
    let rights = authorities.first { $0.keyIdentifier == authority }?.rights ?? []
    guard rights.contains(verb.rawValue) else {
      throw CommandRejection(
        .withoutRight,
        "\(authority) may not \(verb.rawValue): add it to may of the [[authority]], or sign with another key")
    }
    return verb
  }

  private static func malformed(_ problem: String) -> CommandRejection {
    CommandRejection(.malformed, "\(problem): make it with 'mimamori-gateway sign command'")
  }

  /// Whether `text` can be answered to: 1 to 128 printable ASCII characters without space.
  static func isIdentifier(_ text: String) -> Bool {
    (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  private struct Identity: Decodable {
    var id: String
  }

  private struct Deed: Decodable {
    var `do`: String
  }

  private struct Expiry: Decodable {
    var expires: String
  }

  private struct Wire: Decodable {
    var root: String
    var to: [String]
    var issued: String
    var expires: String
    var `do`: String
    var with: [String: CommandValue]?
    var boot: String?
  }
}
