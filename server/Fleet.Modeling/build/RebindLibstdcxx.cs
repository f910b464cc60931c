using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Lets TorchSharp's native library load where the C++ runtime is older than the one it was linked with.
/// <para>
/// libLibTorchSharp.so 0.107.0 imports one symbol of GCC 13, <c>std::ios_base_library_init()</c> (version GLIBCXX_3.4.32).
/// Debian 12 ends at GLIBCXX_3.4.30, so the loader refuses the whole library. Up to GCC 12 the same work, setting up cin
/// and cout, was done by <c>std::ios_base::Init::Init()</c>, which every libstdc++ still exports under GLIBCXX_3.4 and which
/// does not use its <c>this</c>. The task renames the import to that one and asks for the old version: about 30 bytes of
/// the ELF file's dynamic section, found by its own tables. A library that was rebound before, or never needed it, is left
/// alone; the file is replaced by a rename, so that a package cache it may be linked to keeps its own bytes.
/// </para>
/// Compiled by MSBuild from LibstdcxxRebind.targets (C# 7.3, netstandard2.0), not part of the program.
/// ELF layout: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html; symbol versions:
/// https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
/// </summary>
public sealed class RebindLibstdcxx : Task
{
    private const string NewSymbol = "_ZSt21ios_base_library_initv";
    private const string NewVersion = "GLIBCXX_3.4.32";
    private const string OldSymbol = "_ZNSt8ios_base4InitC1Ev";
    private const string OldVersion = "GLIBCXX_3.4";

    /// <summary>Where Linux distributions keep the x86-64 libstdc++.</summary>
    private static readonly string[] HostLibraries =
    {
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/lib64/libstdc++.so.6", "/lib64/libstdc++.so.6", "/usr/lib/libstdc++.so.6",
    };

    /// <summary>The copied library.</summary>
    [Required]
    public string Library { get; set; }

    /// <summary><c>auto</c>: when this host's libstdc++ needs it; <c>always</c>: for another, older host; <c>never</c>.</summary>
    public string When { get; set; } = "auto";

    public override bool Execute()
    {
        if (When == "never" || (When == "auto" && HostHasNewVersion())) return true;
        var bytes = File.ReadAllBytes(Library);
        var elf = new VersionNeeds(bytes);
        var newNeed = elf.Find(NewVersion);
        if (newNeed == null) return true;

        var oldNeed = elf.Find(OldVersion);
        var symbol = elf.FindString(NewSymbol);
        if (oldNeed == null || symbol < 0)
        {
            Log.LogError("{0} asks for {1} in a way this build step does not know (TorchSharp was updated?). Use a system with libstdc++ "
                + "13.2 or newer, or set RebindLibstdcxx=never.", Library, NewVersion);
            return false;
        }

        // The new name is shorter: what remains of the old one becomes zeros.
        Array.Clear(bytes, symbol, NewSymbol.Length);
        Encoding.ASCII.GetBytes(OldSymbol).CopyTo(bytes, symbol);
        BitConverter.GetBytes(ElfHash(OldVersion)).CopyTo(bytes, newNeed.Offset);
        BitConverter.GetBytes(oldNeed.NameOffset).CopyTo(bytes, newNeed.Offset + 8);

        // Same length and same time as the original, so that an incremental build does not copy it again.
        var written = File.GetLastWriteTimeUtc(Library);
        var replacement = Library + ".rebound";
        File.WriteAllBytes(replacement, bytes);
        File.SetLastWriteTimeUtc(replacement, written);
        File.Delete(Library);
        File.Move(replacement, Library);
        Log.LogMessage(MessageImportance.Normal, "Rebound {0} to {1} in {2}.", NewSymbol, OldSymbol, Library);
        return true;
    }

    private static bool HostHasNewVersion()
    {
        var host = HostLibraries.FirstOrDefault(File.Exists);
        // Version names stand in the library's string table, each ended by a zero byte.
        return host != null && IndexOf(File.ReadAllBytes(host), Encoding.ASCII.GetBytes(NewVersion + "\0"), 0) >= 0;
    }

    private static int IndexOf(byte[] bytes, byte[] pattern, int start)
    {
        for (var i = Array.IndexOf(bytes, pattern[0], start);
            i >= 0 && i <= bytes.Length - pattern.Length;
            i = Array.IndexOf(bytes, pattern[0], i + 1))
            if (pattern.Select((value, k) => bytes[i + k] == value).All(same => same)) return i;
        return -1;
    }

    /// <summary>The hash of a version name, as the System V ABI defines it.</summary>
    private static uint ElfHash(string name)
    {
        uint hash = 0;
        foreach (var character in name)
        {
            hash = (hash << 4) + character;
            var high = hash & 0xf0000000;
            if (high != 0) hash ^= high >> 24;
            hash &= ~high;
        }
        return hash;
    }

    /// <summary>One Elf64_Vernaux: where it lies, and where its name lies in the string table.</summary>
    private sealed class Need
    {
        public int Offset;
        public uint NameOffset;
    }

    /// <summary>The .gnu.version_r section of a little-endian 64-bit ELF file and the string table it points into.</summary>
    private sealed class VersionNeeds
    {
        private const uint SectionOfVersionNeeds = 0x6ffffffe; // SHT_GNU_verneed

        private readonly byte[] _bytes;
        private readonly int _strings;
        private readonly int _stringsLength;
        private readonly List<Need> _needs = new List<Need>();

        public VersionNeeds(byte[] bytes)
        {
            _bytes = bytes;
            var isElf64 = bytes.Length > 64 && bytes[0] == 0x7f && bytes[1] == 'E' && bytes[2] == 'L' && bytes[3] == 'F' && bytes[4] == 2
                && bytes[5] == 1;
            if (!isElf64) return;
            var headers = (int)BitConverter.ToInt64(bytes, 0x28);
            int headerLength = BitConverter.ToUInt16(bytes, 0x3a), sections = BitConverter.ToUInt16(bytes, 0x3c);
            for (var section = headers; section < headers + sections * headerLength; section += headerLength)
            {
                if (BitConverter.ToUInt32(bytes, section + 4) != SectionOfVersionNeeds) continue;
                var strings = headers + BitConverter.ToInt32(bytes, section + 0x28) * headerLength;
                _strings = (int)BitConverter.ToInt64(bytes, strings + 0x18);
                _stringsLength = (int)BitConverter.ToInt64(bytes, strings + 0x20);
                Read((int)BitConverter.ToInt64(bytes, section + 0x18));
            }
        }

        public Need Find(string version) => _needs.FirstOrDefault(need => NameAt(need.NameOffset) == version);

        public int FindString(string text)
        {
            var at = _needs.Count == 0 ? -1 : IndexOf(_bytes, Encoding.ASCII.GetBytes("\0" + text + "\0"), _strings);
            return at < 0 || at >= _strings + _stringsLength ? -1 : at + 1;
        }

        // A chain of libraries (Elf64_Verneed), each with a chain of versions (Elf64_Vernaux); links are relative, 0 ends.
        private void Read(int library)
        {
            while (true)
            {
                var version = library + BitConverter.ToInt32(_bytes, library + 8);
                for (int left = BitConverter.ToUInt16(_bytes, library + 2); left > 0; left--)
                {
                    _needs.Add(new Need { Offset = version, NameOffset = BitConverter.ToUInt32(_bytes, version + 8) });
                    version += BitConverter.ToInt32(_bytes, version + 12);
                }
                var next = BitConverter.ToInt32(_bytes, library + 12);
                if (next == 0) return;
                library += next;
            }
        }

        private string NameAt(uint offset)
        {
            var start = _strings + (int)offset;
            return Encoding.ASCII.GetString(_bytes, start, Array.IndexOf(_bytes, (byte)0, start) - start);
        }
    }
}
