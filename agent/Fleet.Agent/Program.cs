using Fleet.Agent.Inference;
using Fleet.Agent.Run;
using Fleet.Agent.Validation;
using Fleet.Platform;

OwnerOnly.ByDefault();
FolderOwner.Follow();

// Contents page: what the program can be asked to do.
return args switch
{
    // Hidden: the agent starts itself with these, and only these processes load ONNX Runtime.
    ["infer-host", .. var rest] => await InferenceHostProgram.RunAsync(rest, CancellationToken.None),
    ["validate", .. var rest] => await ValidationProgram.RunAsync(rest, CancellationToken.None),
    // enroll, run, self-check
    _ => await CommandLine.RunAsync(args),
};
