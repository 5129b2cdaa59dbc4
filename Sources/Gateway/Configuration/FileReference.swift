import Glibc

/// A file that the configuration names: its path as written and where it was found.
public struct FileReference: Sendable, Hashable {
  /// As the configuration writes it.
  public let written: String
  /// Where it is, or where it would have to be.
  public let path: String
}

/// Where relative paths of a configuration lead.
public struct FileLocations: Sendable, Hashable {
  /// The folder in which systemd puts the service's credentials (`CREDENTIALS_DIRECTORY`), if there is one.
  public let credentialsFolder: String?
  /// The folder of the configuration file.
  public let configurationFolder: String

  public init(credentialsFolder: String?, configurationFolder: String) {
    self.credentialsFolder = credentialsFolder
    self.configurationFolder = configurationFolder
  }

  /// The locations for a configuration at `path`, with the credentials folder of this process.
  public init(configuration path: String) {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    var folder = slash.map { String(path[..<$0]) } ?? "."
    if folder.isEmpty { folder = "/" }
    let credentials = unsafe getenv("CREDENTIALS_DIRECTORY").map { unsafe String(cString: $0) }
    self.init(credentialsFolder: credentials.flatMap { $0.isEmpty ? nil : $0 }, configurationFolder: folder)
  }

  /// An absolute path stays as it is; a relative one is looked for among the credentials first, else it lies beside the
  /// configuration file.
  public func resolve(_ written: String) -> FileReference {
    if written.utf8.first == UInt8(ascii: "/") { return FileReference(written: written, path: written) }
    if let credentialsFolder {
      let path = credentialsFolder + "/" + written
      if Self.exists(path) { return FileReference(written: written, path: path) }
    }
    return FileReference(written: written, path: configurationFolder + "/" + written)
  }

  /// Whether there is a file at `path`, whoever may read it.
  static func exists(_ path: String) -> Bool {
    unsafe access(path, F_OK) == 0
  }
}
