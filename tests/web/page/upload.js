// Uppy's own multipart uploader over our endpoints. Golden Retriever keeps file and state over a reload.

import AwsS3 from "@uppy/aws-s3";
import Uppy from "@uppy/core";
import GoldenRetriever from "@uppy/golden-retriever";

const ROOM_BYTES = 512 * 1024 * 1024;
const SECOND = 1000;

/** `task` is the assignment and the prompt that a file answers, `say` shows a sentence. */
export function makeUploader(client, task, say) {
  const uppy = new Uppy({ id: "take", autoProceed: true, restrictions: { maxNumberOfFiles: 1 } });
  uppy.use(GoldenRetriever, { indexedDB: { maxFileSize: ROOM_BYTES, maxTotalSize: ROOM_BYTES } });
  uppy.use(AwsS3, {
    shouldUseMultipart: true,
    limit: 2,
    retryDelays: [0, SECOND, 3 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND],
    getChunkSize: (data) => uppy.getFiles().find((file) => file.size === data.size).meta.partSize,
    createMultipartUpload: (file) => ({ uploadId: file.meta.upload, key: file.meta.asset }),
    listParts: async (_, { uploadId }) => {
      const { parts } = await client.call("GET", `/uploads/${uploadId}`);
      return parts.map((part) => ({ PartNumber: part.part_number, Size: part.size_bytes, ETag: part.etag }));
    },
    signPart: async (_, { uploadId, partNumber, body }) => {
      const parts = [{ part_number: partNumber, checksum_sha256: await sha256(body) }];
      const { items } = await client.call("POST", `/uploads/${uploadId}/part-urls`, { parts });
      return { url: items[0].url, method: items[0].method, headers: items[0].headers };
    },
    completeMultipartUpload: async (file, { uploadId, parts }) => {
      const sent = parts.map((part) => ({ part_number: part.PartNumber, etag: part.ETag }));
      await client.call("POST", `/uploads/${uploadId}/complete`, { parts: sent, sha256: await sha256(file.data) });
      return {};
    },
    abortMultipartUpload: (_, { uploadId }) => client.call("DELETE", `/uploads/${uploadId}`),
  });

  // The size of a part is the server's to say, and Uppy wants to know it before it begins.
  uppy.addPreProcessor(async (ids) => {
    for (const id of ids) await announce(uppy.getFile(id));
  });

  async function announce(file) {
    const upload = await client.call("POST", "/uploads", {
      filename: file.name,
      content_type: file.type,
      size_bytes: file.size,
      assignment_id: task.assignment,
      prompt_id: task.prompt,
    });
    const take = await client.call("POST", `/assignments/${task.assignment}/takes`, {});
    await client.call("PUT", `/takes/${take.id}/responses/${task.prompt}`, { asset_id: upload.asset_id });
    await client.call("POST", `/takes/${take.id}/submit`, {});
    uppy.setFileMeta(file.id, { upload: upload.id, asset: upload.asset_id, partSize: upload.part_size_bytes });
  }

  uppy.on("restored", () => {
    if (uppy.getFiles().length > 0) say("Going on with what was begun.");
    uppy.emit("restore-confirmed");
  });
  uppy.on("upload", () => say("Sending."));
  uppy.on("upload-error", (_, error) => say(`It did not work: ${error.message}`));
  return uppy;
}

async function sha256(blob) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return btoa(String.fromCharCode(...digest));
}
